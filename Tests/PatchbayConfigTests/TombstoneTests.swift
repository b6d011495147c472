import PatchbayAPI
import PatchbayConfig
import Testing
import TransformerTestSupport

@Suite("What becomes of tombstones")
struct TombstoneTests {
    /// One route with these lines after `defaults`.
    private static func file(_ defaults: String, channel: String = "c", _ lines: String...) -> String {
        "version: 1\ndefaults: { \(defaults) }\nroutes:\n  - topic: a\n    transform: token\n    channel: \(channel)\n"
            + lines.map { "    \($0)\n" }.joined()
    }

    @Test(
        "is said by the route, else by the defaults",
        arguments: [
            (file(""), .ignore), (file("", "tombstones: reject"), .reject), (file("tombstones: message"), .message),
            (file("tombstones: message", "tombstones: ignore"), .ignore),
            (file("", channel: "'{@key}.{@header.h}'", "tombstones: message"), .message),
            (file("tombstones: message", channel: "'{a}'", "tombstones: ignore"), .ignore),
        ] as [(String, TombstonePolicy)])
    func policy(_ text: String, _ policy: TombstonePolicy) throws {
        let result = load(text)
        #expect(result.diagnostics == [])
        #expect(try #require(result.configuration).routes[0].tombstones == policy)
    }

    private static let hint =
        "use `{@key}` or `{@header.NAME}`, give that channel a route of its own, or set `tombstones: ignore`"

    @Test(
        "what doesn't go together is found",
        arguments: [
            Case(
                "misspelt", file("", "tombstones: mesage"), [:],
                Finding(
                    7, 17, "`tombstones` must be one of `ignore`, `reject`, `message`, found the text `mesage`",
                    "did you mean `message`?")),
            Case(
                "a field in a template", file("", channel: "[c, 't.{user.id}.{@key}']", "tombstones: message"), [:],
                Finding(
                    6, 18,
                    "channel `t.{user.id}.{@key}` is made of `{user.id}`, and a deletion has no fields: with "
                        + "`tombstones: message` none could go there", hint)),
            Case(
                "by the defaults", file("tombstones: message", channel: "'{a}'"), [:],
                Finding(
                    6, 14, "channel `{a}` is made of `{a}`, and a deletion has no fields: with `tombstones: message` none could go there",
                    hint)),
        ])
    func findings(_ row: Case) { row.check() }

    private final class Idle: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
    }

    private static let transformers = TransformerSet(tests: [
        TransformerDefinition(
            name: "keyed", summary: "Keys.", defaultType: nil,
            options: [Field("key", .string(), required: true, documentation: "Key.", example: "key: a")], shorthand: "key",
            takesTombstones: true,
            tombstoneProblem: {
                $0.string("key") == "field" ? OptionError(option: "key", message: "there is none", hint: "use another") : nil
            }
        ) { _ throws(OptionError) in { Idle() } }
    ])

    @Test("a step that would refuse each of them is found where they are to be messages")
    func steps() {
        func findings(_ key: String, _ policy: String) -> [Finding] {
            let text = "version: 1\nroutes:\n  - topic: a\n    transform: [{ keyed: \(key) }]\n    channel: c\n    tombstones: \(policy)\n"
            return ConfigurationLoader.load(text: text, file: "f", environment: [:], transformers: Self.transformers).diagnostics
                .map(Finding.init)
        }
        #expect(findings("field", "message") == [Finding(4, 26, "option `key` of `keyed`: there is none", "use another")])
        #expect(findings("other", "message") == [] && findings("field", "ignore") == [] && findings("field", "reject") == [])
    }

    @Test("a test may ask for a deletion")
    func expectation() throws {
        let text = Self.file("", "tombstones: message", "tests: [{ input: null, key: 7, expect: [{ deleted: true, key: 7 }] }]")
        let result = load(text)
        #expect(result.diagnostics == [])
        guard case .envelopes(let expected) = try #require(result.configuration).routes[0].tests[0].expectation else {
            Issue.record("no envelopes")
            return
        }
        #expect(expected.map(\.deleted) == [true] && expected.map(\.key) == ["7"])
    }

    @Test("a change of it is a change of the route")
    func difference() throws {
        let routes = try [Self.file(""), Self.file("", "tombstones: message"), Self.file("", "tombstones: ignore")].map {
            try #require(load($0).configuration).routes[0]
        }
        #expect(!routes[0].isEquivalent(to: routes[1]) && routes[0].isEquivalent(to: routes[2]))
    }
}
