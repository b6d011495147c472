import PatchbayAPI
import TestSupport
import Testing

@testable import PatchbayPlugins

/// The JSON that a plugin describes itself with.
@Suite("Descriptions of plugins")
struct DescriptionTests {
    static let full = """
        {"version":"1.2.0","transformers":[{"name":"mask_fields","summary":"Hides.","type":"masked","shorthand":"fields","options":[
        {"name":"fields","kind":"list","items":{"kind":"string"},"minimum":1,"required":true,"documentation":"Names.","example":"fields: [a]"},
        {"name":"keep","kind":"integer","minimum":0,"maximum":20,"default":4,"documentation":"Kept.","unit":"characters"},
        {"name":"ratio","kind":"number","minimum":0,"maximum":1,"default":1,"documentation":"Ratio."},
        {"name":"with","kind":"choice","choices":["*","#"],"default":"*","documentation":"Sign."},
        {"name":"every","kind":"duration","minimum":10,"default":1000,"documentation":"Pause."},
        {"name":"size","kind":"size","maximum":1000,"documentation":"Size."},
        {"name":"deep","kind":"bool","default":false,"documentation":"Deep."},
        {"name":"key","kind":"string","minimum":8,"secret":true,"documentation":"Key."},
        {"name":"nested","kind":"object","fields":[{"name":"level","kind":"scalar","documentation":"Level."}],"documentation":"Nested."},
        {"name":"names","kind":"dictionary","items":{"kind":"list","items":{"kind":"any"}},"documentation":"Names."}],
        "examples":[{"title":"One","options":{"fields":["a"]},"input":"{}","data":"{}"},
        {"title":"Two","input":"x","rejected":{"code":"invalid_json"}},{"title":"Three","input":"1","filtered":true}],
        "output":{"type":"object"},"wants":["headers","tombstones"],"tick_ms":500}]}
        """

    private func read(_ text: String) throws(DescriptionProblem) -> PluginDescription { try DescriptionReader.read(Array(text.utf8)) }

    @Test("All of it is understood")
    func everything() throws {
        let description = try read(Self.full)
        let mask = try #require(description.transformers.first)
        #expect(description.version == "1.2.0" && mask.name == "mask_fields" && mask.type == "masked" && mask.shorthand == "fields")
        #expect(mask.options.map(\.name) == ["fields", "keep", "ratio", "with", "every", "size", "deep", "key", "nested", "names"])
        #expect(mask.options[1].defaultValue == .integer(4) && mask.options[2].defaultValue == .number(1))
        #expect(mask.options[0].isRequired && mask.options[7].isSecret && mask.options[1].unit == "characters")
        guard case .list(.string(1), 1) = mask.options[0].kind, case .integer(0...20) = mask.options[1].kind,
            case .dictionary(.list(.any, 0)) = mask.options[9].kind, case .object(let fields) = mask.options[8].kind
        else {
            Issue.record("\(mask.options.map(\.kind))")
            return
        }
        #expect(fields.map(\.name) == ["level"])
        #expect(mask.examples.map(\.outcome) == [.data("{}"), .rejected(code: "invalid_json", field: nil), .filtered])
        #expect(mask.output == .schema(#"{"type":"object"}"#) && mask.wantsHeaders && mask.wantsTombstones && mask.tick == 500)
    }

    @Test(
        "It remembers records when it says so, or wants to be told of time",
        arguments: [("", false), (#","remembers":true"#, true), (#","remembers":false"#, false), (#","tick_ms":10"#, true)])
    func remembers(_ member: String, _ expected: Bool) throws {
        let description = try read(#"{"transformers":[{"name":"a","summary":"x"\#(member)}]}"#)
        #expect(description.transformers.map(\.remembers) == [expected])
    }

    @Test(
        "What isn't understood is said with its place",
        arguments: [
            ("[]", "", "must be an object"),
            ("{}", "", "has no `transformers`"),
            (#"{"transformers":[]}"#, "", "has no `transformers`"),
            (#"{"transformers":[{"name":"a","summary":"x","remembers":1}]}"#, "transformers[0].remembers", "must be true or false"),
            (#"{"transformer":[]}"#, "", "has an unknown member `transformer`"),
            (#"{"transformers":[{"summary":"x"}]}"#, "transformers[0]", "lacks `name`"),
            (#"{"transformers":[{"name":"a"}]}"#, "transformers[0]", "lacks `summary`"),
            (#"{"transformers":[{"name":"a","name":"b","summary":"x"}]}"#, "transformers[0]", "has `name` twice"),
            (#"{"transformers":[{"name":"a","summary":"x"},{"name":"a","summary":"y"}]}"#, "transformers", "has two called `a`"),
            (#"{"transformers":[{"name":"a","summary":"x","shorthand":"b"}]}"#, "transformers[0].shorthand", "names no option"),
            (
                #"{"transformers":[{"name":"a","summary":"x","wants":["money"]}]}"#, "transformers[0].wants[0]",
                "is nothing that can be wanted"
            ),
            (#"{"transformers":[{"name":"a","summary":"x","tick_ms":1}]}"#, "transformers[0].tick_ms", "must be between 10 and 86400000"),
            (
                #"{"transformers":[{"name":"a","summary":"\ud83d"}]}"#, "transformers[0].summary",
                "has half a surrogate pair, which is no text"
            ),
        ])
    func problems(_ text: String, _ place: String, _ problem: String) {
        #expect(throws: DescriptionProblem.self) { try read(text) }
        do throws(DescriptionProblem) {
            _ = try read(text)
        } catch {
            #expect(error.place == place && error.problem == problem, "\(error)")
        }
    }

    @Test(
        "So are options",
        arguments: [
            (#"{"name":"a","kind":"bool"}"#, "", "lacks `documentation`"),
            (#"{"name":"a","kind":"boll","documentation":"x"}"#, ".kind", "is none that there is"),
            (#"{"name":"a","kind":"bool","minimum":1,"documentation":"x"}"#, ".minimum", "means nothing for the kind `bool`"),
            (
                #"{"name":"a","kind":"integer","minimum":2,"maximum":1,"documentation":"x"}"#, "",
                "has limits that nothing is between, or that the kind doesn't have"
            ),
            (
                #"{"name":"a","kind":"integer","maximum":1,"default":2,"documentation":"x"}"#, ".default",
                "is not what the kind and the limits of the option allow"
            ),
            (
                #"{"name":"a","kind":"integer","default":9223372036854775808,"documentation":"x"}"#, ".default",
                "has a number beyond 64 bits"
            ),
            (#"{"name":"a","kind":"list","documentation":"x"}"#, "", "lacks `items`"),
            (#"{"name":"a","kind":"choice","documentation":"x"}"#, "", "lacks `choices`"),
            (
                #"{"name":"a","kind":"bool","required":true,"default":true,"documentation":"x"}"#, "",
                "is required and has a default; it can only be one of the two"
            ),
        ])
    func options(_ option: String, _ place: String, _ problem: String) {
        do throws(DescriptionProblem) {
            _ = try read(#"{"transformers":[{"name":"t","summary":"x","options":[\#(option)]}]}"#)
            Issue.record("\(option) is accepted")
        } catch {
            #expect(error.place == "transformers[0].options[0]" + place && error.problem == problem, "\(error)")
        }
    }

    @Test("What isn't JSON is said to be none")
    func noJSON() {
        for text in ["", "{", "{} {}"] {
            do throws(DescriptionProblem) {
                _ = try read(text)
                Issue.record("\(text) is accepted")
            } catch {
                #expect(error.place.isEmpty && error.problem.hasPrefix("is not JSON: "), "\(error)")
            }
        }
    }

    @Test("Kinds inside one another have an end")
    func depth() {
        let nested = String(repeating: #"{"kind":"list","items":"#, count: 9) + #"{"kind":"any"}"# + String(repeating: "}", count: 9)
        let option = #"{"name":"a","documentation":"x",\#(nested.dropFirst())"#
        #expect(throws: DescriptionProblem.self) { try read(#"{"transformers":[{"name":"t","summary":"x","options":[\#(option)]}]}"#) }
    }
}
