import AggregateTransformer
import GenericTransformers
import PatchbayAPI
import TokenTransformer
import TradeTransformer

/// Every transformer that is built in: the one registration list. To add one, add its definition here and its target
/// to Package.swift.
package enum BuiltinTransformers {
    package static let all: [TransformerDefinition] = [
        TokenTransformer.definition,
        TradeTransformer.definition,
        AggregateTransformer.definition,
        JSONTransformer.definition,
        FilterTransformer.definition,
        PickTransformer.definition,
        RenameTransformer.definition,
    ]

    /// What is wrong with the list: two transformers of one name. Checked at start.
    static func duplicate(in definitions: [TransformerDefinition] = all) -> String? {
        var seen: Set<String> = []
        return definitions.first { !seen.insert($0.name).inserted }.map {
            "two transformers are registered under the name \"\($0.name)\"; see BuiltinTransformers.swift"
        }
    }
}
