import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Topics of a route")
struct TopicTests {
    private static func route(_ lines: String...) -> String {
        "version: 1\nroutes:\n  - " + (lines + ["transform: token", "channel: c"]).joined(separator: "\n    ") + "\n"
    }

    private func first(_ line: String, _ environment: [String: String] = [:]) throws -> RouteSettings {
        let result = load(Self.route(line), environment)
        #expect(result.diagnostics == [])
        return try #require(result.configuration).routes[0]
    }

    @Test(
        "either key takes one or several, which name the route",
        arguments: [
            ("topic: a", ["a"], "a"), ("topics: a", ["a"], "a"), ("topic: [a, b]", ["a", "b"], "a, b"),
            ("topics: [^b\\..*, a]", ["^b\\..*", "a"], "^b\\..*, a"), ("topics: ${T}", ["x", "y"], "x, y"),
        ])
    func several(_ line: String, _ topics: [String], _ name: String) throws {
        let route = try first(line, ["T": "x, y"])
        #expect(route.topics.map(\.text) == topics)
        #expect(route.name == name)
    }

    @Test("one that begins with ^ is a regular expression")
    func pattern() throws {
        let topics = try first("topics: ['^m\\.[a-z]{2,4}$', m.abc]").topics
        guard case .pattern(let pattern) = topics[0], case .name("m.abc") = topics[1] else {
            Issue.record("\(topics)")
            return
        }
        #expect(pattern.matches("m.abc") && !pattern.matches("m.a"))
    }

    private static let repeats = "must not repeat so much: written out it has more than 5000 characters"

    @Test(
        "what is wrong with them is found at its place",
        arguments: [
            Case(
                "both keys", route("topics: b", "topic: a"), [:],
                Finding(4, 5, "a route has either `topic` or `topics`, not both", "put every name into `topics`")),
            Case(
                "twice", route("topics: [a, ^a, a, ^a]"), [:],
                Finding(3, 21, "topic `a` is named twice in this route", "remove one of them"),
                Finding(3, 24, "topic `^a` is named twice in this route", "remove one of them")),
            Case(
                "expression that is none", route("topics: [a, '^(b']"), [:],
                Finding(
                    3, 17, "`topics` must be a regular expression: Unmatched ( or \\(, found `^(b`",
                    "POSIX extended syntax, for example `^metrics\\..*`")),
            Case(
                "expression that would take gigabytes", route("topic: '^((a{100}){100}){100}'"), [:],
                Finding(3, 12, "`topic` \(repeats), found `^((a{100}){100}){100}`", "use `+` or `*` instead of `{n}`")),
            Case(
                "the same with nothing to repeat", route("topic: '^((()()){9999}){9999}'"), [:],
                Finding(3, 12, "`topic` \(repeats), found `^((()()){9999}){9999}`", "use `+` or `*` instead of `{n}`")),
            Case(
                "the same without groups", route("topic: '^a{999}{999}{9999999999}{9}'"), [:],
                Finding(3, 12, "`topic` \(repeats), found `^a{999}{999}{9999999999}{9}`", "use `+` or `*` instead of `{n}`")),
            Case(
                "expression that takes for ever", route("topic: '^(.*)\\1\\1$'"), [:],
                Finding(
                    3, 12, "`topic` must not refer back to a group (`\\1`), found `^(.*)\\1\\1$`",
                    "write the text out, or match less closely")),
            Case(
                "empty list", route("topics: []"), [:],
                Finding(3, 13, "`topics` must have at least one item", "for example `topics: [^metrics\\..*, legacy-metrics]`")),
            Case(
                "a mapping", route("topic: { a: b }"), [:],
                Finding(3, 12, "`topic` must be text, found a mapping", "for example `topic: token-info`")),
            Case(
                "a name too long to be made", route("topics: [\((1...25).map { "topic-no-\($0)" }.joined(separator: ", "))]"), [:],
                Finding(3, 5, "the route needs a `name`: its topics together are longer than 200 characters", "add `name: …`")),
        ])
    func findings(_ row: Case) { row.check() }

    @Test(
        "expressions that people write are cheap enough",
        arguments: [
            "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", "^(eu|us)\\.(orders|trades)(\\.v[0-9]+)?$",
            "^[^]a]{1,100}[]a]$", "^[[:alpha:]]+\\.[[:digit:]]{1,3}$", "^a\\{b", "^.*",
        ])
    func cheap(_ text: String) throws {
        #expect(try first("topic: '\(text)'").topics.map(\.text) == [text])
    }

    @Test("all together are bounded, since compiling them takes time")
    func together() {
        let costly = (0..<100).map { "'^a\($0)((bcdefghi){20}){20}'" }.joined(separator: ", ")
        let found = load(Self.route("name: n", "topics: [\(costly)]")).diagnostics
        #expect(Set(found.map(\.message)) == ["the regular expressions of all routes are too long to be used together"])
        #expect((1..<100).contains(found.count))
    }

    @Test("nesting is bounded")
    func nesting() {
        func nested(_ levels: Int) -> String { "^" + String(repeating: "(", count: levels) + "a" + String(repeating: ")", count: levels) }
        #expect(load(Self.route("topic: '\(nested(50))'")).configuration != nil)
        #expect(load(Self.route("topic: '\(nested(51))'")).diagnostics.count == 1)
        #expect(load(Self.route("topic: '^\(String(repeating: "a", count: 1000))'")).diagnostics.count == 1)
    }
}
