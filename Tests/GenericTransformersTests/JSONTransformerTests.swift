import GenericTransformers
import PatchbayAPI
import Testing
import TransformerTestSupport

@Suite("The json transformer")
struct JSONTransformerTests {
    static let definition = JSONTransformer.definition
    static let examples = definition.examples

    @Test("Every example comes out as documented", arguments: examples.indices)
    func example(_ index: Int) throws {
        let example = Self.examples[index]
        let outcome = try Self.definition.outcome(of: example.input, options: example.options)
        #expect(outcome.example == example.outcome, "\(example.title): \(outcome)")
    }

    @Test("It is named and typed as documented")
    func identity() {
        #expect(Self.definition.name == "json")
        #expect(Self.definition.defaultType == "message")
    }

    @Test(
        "Valid JSON passes byte for byte",
        arguments: [
            " { \"a\" : 1 , \"a\" : 2 } ", "null", "\"x\"", "-0.0e-0", "[1e999]", "[]", "\"\\u00e9\\/\"", "\t[1]\n",
        ])
    func passes(_ text: String) throws { #expect(try Self.definition.outcome(of: text) == .data(text)) }

    @Test(
        "Anything else is rejected with its reason",
        arguments: [
            ("", "invalid_json"), ("[1,]", "invalid_json"), ("{}{}", "invalid_json"), ("'x'", "invalid_json"),
            (String(repeating: "[", count: 65) + String(repeating: "]", count: 65), "too_deep"),
        ])
    func rejects(_ text: String, _ code: String) throws {
        #expect(try Self.definition.outcome(of: text).rejection?.code == code)
    }

    @Test("A tombstone is rejected, and bad UTF-8 as well; the neighbours pass")
    func tombstone() throws {
        let outcomes = try Self.definition.outcomes(of: [Array("1".utf8), nil, [0x22, 0xFF, 0x22], Array("2".utf8)])
        #expect(
            outcomes.map(\.example) == [
                .data("1"), .rejected(code: "tombstone", field: nil), .rejected(code: "invalid_json", field: nil), .data("2"),
            ])
    }
}
