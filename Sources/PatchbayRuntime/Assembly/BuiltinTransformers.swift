import AggregateTransformer
import GenericTransformers
import PatchbayAPI
import TokenTransformer
import TradeTransformer

/// The one registration list of the transformers that ship. To add one, add its definition here and its target to Package.swift.
package enum BuiltinTransformers {
    /// - Throws: when two have one name, which is a bug.
    package static func set() throws(TransformerSet.Duplicate) -> TransformerSet {
        try TransformerSet(
            [
                TokenTransformer.definition,
                TradeTransformer.definition,
                AggregateTransformer.definition,
                JSONTransformer.definition,
                FilterTransformer.definition,
                PickTransformer.definition,
                RenameTransformer.definition,
                JQTransformer.definition,
                DedupeTransformer.definition,
                ThrottleTransformer.definition,
                ConflateTransformer.definition,
                SampleTransformer.definition,
                DropTransformer.definition,
                SetTransformer.definition,
                ConvertTransformer.definition,
                FlattenTransformer.definition,
                UnwrapTransformer.definition,
                ParseTransformer.definition,
                SplitTransformer.definition,
                DecodeTransformer.definition,
            ], from: "BuiltinTransformers.swift")
    }
}
