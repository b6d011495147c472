import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Tests of a route")
struct RouteTestTests {
    /// A file whose only route takes these topics and has this test.
    private static func file(_ test: String, topics: String = "[a, ^m\\..*]") -> String {
        "version: 1\nroutes:\n  - topics: \(topics)\n    transform: token\n    channel: c\n    tests:\n      - { \(test) }\n"
    }

    private func read(_ test: String, _ environment: [String: String] = [:]) throws -> RouteTest {
        let result = load(Self.file(test), environment)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        return try #require(configuration.routes[0].tests.first)
    }

    @Test("have everything that is given, and a name and topic in any case")
    func whole() throws {
        let test = try read(
            "name: N, topic: m.x, key: 7, headers: { b: x, a: 1.50 }, input: t, expect: [{ channel: c, type: t, data: { n: 1 } }, {}]")
        #expect(test.name == "N" && test.topic == "m.x" && test.key == "7" && test.input == "t")
        #expect(test.headers.map(\.name) == ["b", "a"] && test.headers.map(\.value) == ["x", "1.50"])
        #expect(test.position == SourcePosition(file: "routes.yaml", line: 7, column: 9))
        guard case .envelopes(let expected) = test.expectation else {
            Issue.record("\(test.expectation)")
            return
        }
        #expect(expected.map(\.channel) == ["c", nil] && expected.map(\.type) == ["t", nil])
        #expect(expected.map(\.data) == [#"{"n":1}"#, nil])
        #expect(expected.map(\.position.column) == [87, 128])

        let short = try read("input: 1, error: tombstone")
        #expect(short.name == "test 1" && short.topic == "a" && short.key == nil && short.headers.isEmpty)
        guard case .error("tombstone") = short.expectation else {
            Issue.record("\(short.expectation)")
            return
        }
    }

    @Test("nothing expected is not the same as null expected")
    func nullData() throws {
        let result = try read("input: 1, expect: [{ data: }, { data: [1.5, ~, 123456789012345678901234567890, 'x'] }, {}]")
        guard case .envelopes(let expected) = result.expectation else {
            Issue.record("\(result.expectation)")
            return
        }
        #expect(expected.map(\.data) == ["null", #"[1.5,null,123456789012345678901234567890,"x"]"#, nil])
    }

    @Test(
        "input is text as it is, or JSON with names in their order and numbers as they are written",
        arguments: [
            ("text", "text"), ("'{\"a\": 1}'", "{\"a\": 1}"), ("''", ""), ("'null'", "null"), ("~", nil), ("", nil), ("null", nil),
            ("5", "5"),
            ("true", "true"), ("1.50", "1.50"), ("'5'", "5"), ("[]", "[]"), ("{}", "{}"),
            ("{ z: 1, a: [true, ~, x, '1'], m: { y: 1.10 } }", "{\"z\":1,\"a\":[true,null,\"x\",\"1\"],\"m\":{\"y\":1.10}}"),
            ("[123456789012345678901234567890, 1e400, -0.0, 1E+2]", "[123456789012345678901234567890,1e400,-0.0,1E+2]"),
            ("[0x1F, 0o17, +5, .5, 5., 007, -007, 1.e3, +99999999999999999999, -.5]", "[31,15,5,0.5,5,7,-7,1e3,99999999999999999999,-0.5]"),
            ("[1_000, 2024-01-01, yes, 1.2.3]", "[\"1_000\",\"2024-01-01\",\"yes\",\"1.2.3\"]"),
            ("{ \"q\\\"\\n\": \"\\u0001é\" }", "{\"q\\\"\\n\":\"\\u0001é\"}"), ("\"${N}\"", "5"),
            ("[\"${N}\", '$${N}']", "[\"5\",\"${N}\"]"),
            ("\"a$${N}\"", "a${N}"),
        ] as [(String, String?)])
    func input(_ yaml: String, _ input: String?) throws {
        #expect(try read("input: \(yaml), expect: []", ["N": "5"]).input == input)
    }

    @Test("an interpolated plain value is typed by what comes in")
    func interpolated() throws {
        let text = Self.file("expect: []").replacing(
            "- { expect: [] }", with: "- expect: []\n        input:\n          n: ${N}\n          t: ${T}\n          e: ${E:-}")
        let test = try #require(load(text, ["N": "1.50", "T": "x y"]).configuration).routes[0].tests[0]
        #expect(test.input == "{\"n\":1.50,\"t\":\"x y\",\"e\":\"\"}")
    }

    private static let either = "add `expect: [{ channel: NAME, data: … }]`, `expect: []` or `error: CODE`"

    @Test(
        "what is wrong with them is found at its place",
        arguments: [
            Case(
                "no input", file("expect: []"), [:],
                Finding(7, 9, "`input` is missing", "for example `input: { service: api, level: error }`")),
            Case("neither", file("input: 1"), [:], Finding(7, 9, "a test needs `expect` or `error`", either)),
            Case(
                "both", file("input: 1, error: x, expect: []"), [:],
                Finding(7, 31, "a test has either `expect` or `error`, not both", "remove one of them")),
            Case(
                "topic of another route", file("input: 1, expect: [], topic: b"), [:],
                Finding(7, 40, "the route doesn't take the topic `b`", "its topics: `a`, `^m\\..*`")),
            Case(
                "topic that is none", file("input: 1, expect: [], topic: ^m"), [:],
                Finding(7, 40, "`topic` must be one topic, not a regular expression, found `^m`")),
            Case(
                "no topic to take", file("input: 1, expect: []", topics: "[^a, ^b]"), [:],
                Finding(
                    7, 9, "the test needs a `topic`, because all topics of its route are regular expressions",
                    "add the `topic` that the record is from, such as one that `^a` matches")),
            Case(
                "unknown keys", file("inptu: 1, input: 1, expect: [{ chanel: c }]"), [:],
                Finding(7, 11, "unknown key `inptu`", "did you mean `input`?"),
                Finding(7, 42, "unknown key `chanel`", "did you mean `channel`?")),
            Case(
                "numbers that JSON doesn't have", file("input: [.inf, .nan, 0xFFFFFFFFFFFFFFFFFF], expect: []"), [:],
                Finding(7, 19, "JSON has no number `.inf`", "put it in quotes"),
                Finding(7, 25, "JSON has no number `.nan`", "put it in quotes"),
                Finding(7, 31, "JSON has no number `0xFFFFFFFFFFFFFFFFFF`", "put it in quotes")),
            Case(
                "a variable that is not set", file("input: { a: \"${N}\" }, expect: []"), [:],
                Finding(7, 23, "the environment variable `N` is not set", "set it, or give a default: `${N:-default}`")),
        ])
    func findings(_ row: Case) { row.check() }

    @Test("wrong kinds are found all at once")
    func kinds() {
        let found = load(Self.file("input: 1, expect: [5], name: [], key: {}, headers: { a: }")).diagnostics
        #expect(
            found.map(\.message) == [
                "`expect` must be a mapping (`key: value`), found the number 5", "`name` must be text, found a list",
                "`key` must be text, a number or a boolean, found a mapping", "`a` must be text, a number or a boolean, found nothing",
            ])
    }

    @Test("are no settings")
    func origins() {
        #expect(!load(Self.file("input: 1, expect: []")).origins.contains { $0.path.contains("tests") })
    }

    @Test("number themselves, and say nothing about topics that are wrong anyway")
    func numbers() throws {
        let text = Self.file("input: 1, expect: []") + "      - { input: 2, expect: [] }\n"
        #expect(try #require(load(text).configuration).routes[0].tests.map(\.name) == ["test 1", "test 2"])
        #expect(load(Self.file("input: 1, expect: []", topics: "'^('")).diagnostics.count == 1)
    }
}
