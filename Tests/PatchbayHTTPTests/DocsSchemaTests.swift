import AggregateTransformer
import Foundation
import GenericTransformers
import PatchbayAPI
import TestSupport
import Testing
import TokenTransformer
import TradeTransformer

/// What transformers say of their output must be true of their documented examples.
@Suite struct DocsSchemaTests {
    private static let definitions = [
        TokenTransformer.definition, TradeTransformer.definition, AggregateTransformer.definition, JSONTransformer.definition,
        FilterTransformer.definition, PickTransformer.definition, RenameTransformer.definition,
        DedupeTransformer.definition, ThrottleTransformer.definition, ConflateTransformer.definition, SampleTransformer.definition,
    ]

    private struct Case {
        var name: String
        var schema: String
        var value: String
        var fits: Bool

        /// The schema and the value as they are, not as text.
        var json: String {
            "{\"name\":\(JSONLiteral.quoted(name)),\"schema\":\(schema),\"value\":\(value),\"fits\":\(fits)}"
        }
    }

    private func check(_ cases: [Case]) async throws {
        let text = "[\(cases.map(\.json).joined(separator: ","))]"
        let complaints = try await DocsValidator.complaints(of: [text], arguments: ["--cases"])
        #expect(complaints.isEmpty, "\(complaints)")
    }

    private func schema(_ definition: TransformerDefinition, _ options: [String: ConfigValue] = [:]) -> String? {
        OutputSchema.ofChain([definition.outputSchema(OptionValues(options, defaultsOf: definition.options))])
    }

    @Test func everyDocumentedOutputFits() async throws {
        var cases: [Case] = []
        for definition in Self.definitions {
            for example in definition.examples {
                guard let schema = schema(definition, example.options) else { continue }
                switch example.outcome {
                case .data(let data):
                    cases.append(Case(name: "\(definition.name): \(example.title)", schema: schema, value: data, fits: true))
                // What a transformer of shapes refuses for its fields, its schema refuses too.
                case .rejected("wrong_type", _), .rejected("invalid_value", _):
                    cases.append(
                        Case(name: "\(definition.name): \(example.title)", schema: schema, value: example.input, fits: false))
                default: break
                }
            }
        }
        #expect(cases.filter(\.fits).count >= 14 && cases.contains { !$0.fits })
        try await check(cases)
    }

    @Test func optionsNarrowTheSchema() async throws {
        let trade = TradeTransformer.definition
        let input = trade.examples[0].input
        let snake = try #require(trade.examples.first { $0.options["naming"] != nil }).outcome
        guard case .data(let renamed) = snake else { return }
        var cases: [Case] = []
        func add(_ name: String, _ options: [String: ConfigValue], _ value: String, fits: Bool) {
            // No schema at all refuses everything.
            cases.append(Case(name: name, schema: schema(trade, options) ?? "false", value: value, fits: fits))
        }
        add("as it is, in either spelling", [:], input, fits: true)
        add("as it is, in the other one", [:], renamed, fits: true)
        add("as it is, but nothing is there", [:], "{}", fits: false)
        add("one spelling", ["naming": .string("pascal_case")], input, fits: true)
        add("the other is not made", ["naming": .string("pascal_case")], renamed, fits: false)
        add("purchases", ["sides": .list([.string("buy")])], input, fits: true)
        add("purchases only", ["sides": .list([.string("sell")])], input, fits: false)
        add("some fields, but all are there", ["fields": .list([.string("Token")])], input, fits: false)
        add(
            "some fields, renamed", ["fields": .list([.string("Token")]), "naming": .string("snake_case")],
            #"{"token":"0x1"}"#, fits: true)
        try await check(cases)
    }

    @Test func aggregatesAreDescribedDownToTheirWindows() async throws {
        let aggregate = AggregateTransformer.definition
        let value = aggregate.examples[0].input
        let all = schema(aggregate) ?? "false"
        let schema = schema(aggregate, ["windows": .list([.string("1min")])]) ?? "false"
        try await check([
            Case(name: "as it is", schema: all, value: value, fits: true),
            Case(name: "one window", schema: schema, value: value.replacingOccurrences(of: "5min", with: "1min"), fits: true),
            Case(name: "no window of that name", schema: schema, value: value.replacingOccurrences(of: "1min", with: "9min"), fits: false),
            Case(
                name: "a count is no text", schema: all,
                value: value.replacingOccurrences(of: #""sell_count":15"#, with: #""sell_count":"15""#), fits: false),
        ])
    }

    @Test func aChainEndsWithWhatItsLastWordSays() {
        let (filter, json) = (FilterTransformer.definition, JSONTransformer.definition)
        let none = OptionValues([:])
        #expect(OutputSchema.ofChain([]) == nil)
        #expect(OutputSchema.ofChain([json.outputSchema(none), filter.outputSchema(none)]) == nil)
        #expect(OutputSchema.ofChain([.schema("{}"), filter.outputSchema(none)]) == "{}")
        #expect(OutputSchema.ofChain([.schema("{}"), RenameTransformer.definition.outputSchema(none)]) == nil)
        #expect(OutputSchema.ofChain([.any, .schema("true")]) == "true")
    }
}
