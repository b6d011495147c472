import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Chains of transformers")
struct ChainTests {
    private static func route(_ lines: String...) -> String {
        "version: 1\nroutes:\n  - topic: a\n    channel: c\n    " + lines.joined(separator: "\n    ") + "\n"
    }

    @Test("run in order, however each is written")
    func order() throws {
        let text = Self.route(
            "transform:", "  - filter: .level == \"error\"", "  - pick: [a, b]", "  - pick: { fields: x, missing: reject }", "  - token")
        let route = try #require(load(text).configuration).routes[0]
        #expect(route.steps.map(\.transformer) == ["filter", "pick", "pick", "token"])
        #expect(route.steps[0].options.string("where") == ".level == \"error\"")
        #expect(route.steps[1].options.strings("fields") == ["a", "b"])
        #expect(route.steps[1].options.string("missing") == "skip")
        #expect(route.steps[2].options.strings("fields") == ["x"])
        #expect(route.steps[2].options.string("missing") == "reject")
        #expect(route.steps.map(\.position.line) == [6, 7, 8, 9])
        #expect(route.steps.map(\.position.column) == [9, 9, 9, 9])
    }

    @Test("a bare value needs no list around it")
    func shorthand() throws {
        let route = try #require(load(Self.route("transform: { pick: a }")).configuration).routes[0]
        #expect(route.options.strings("fields") == ["a"])
    }

    @Test(
        "their type is the route's, else that of the last step with one, else message",
        arguments: [
            ("transform: [token, pick: [a]]", "token_info"), ("transform: [token, aggregate, filter: x]", "aggregate_data"),
            ("transform: { pick: [a] }", "message"), ("transform: [token, aggregate]\n    type: t", "t"),
            ("type: t\n    transform: { pick: a }", "t"),
        ])
    func type(_ lines: String, _ type: String) throws {
        #expect(try #require(load(Self.route(lines)).configuration).routes[0].type == type)
    }

    private static let usage = "write `transform: NAME` or `transform: { NAME: { option: value } }`"

    @Test(
        "what is wrong with a step is found at its place",
        arguments: [
            Case(
                "no steps", route("transform: []"), [:],
                Finding(5, 16, "`transform` must have at least one item", "for example `transform: [json]`")),
            Case(
                "too many", route("transform: [\(Array(repeating: "token", count: 33).joined(separator: ", "))]"), [:],
                Finding(5, 16, "`transform` must have at most 32 items, found 33")),
            Case(
                "several at once",
                route("transform:", "  - tokn", "  - pick: [1]", "  - filter:", "  - [token]", "  - { token: , pick: x }"), [:],
                Finding(
                    6, 9, "there is no transformer `tokn`",
                    "did you mean `token`? (known transformers: `aggregate`, `filter`, `mask`, `pick`, `token`)"),
                Finding(7, 16, "`fields` must be text, found the number 1", "put it in quotes: `\"1\"`"),
                Finding(8, 9, "`where` is missing", "for example `where: .a == 1`"),
                Finding(9, 9, "a step of `transform` must be a transformer, found a list", "write all steps in one list"),
                Finding(
                    10, 9, "`transform` must name exactly one transformer, found `token`, `pick`",
                    "write a chain as a list: `[{ token: … }, { pick: … }]`")),
            Case(
                "empty step", route("transform: [token, ~]"), [:],
                Finding(5, 24, "`transform` must be text, found nothing")),
            Case(
                "nothing in the step", route("transform: [{}]"), [:],
                Finding(5, 17, "`transform` must name exactly one transformer, found none", usage)),
            Case(
                "mapping where a bare value is meant", route("transform: { pick: { field: [a] } }"), [:],
                Finding(5, 26, "unknown key `field`", "did you mean `fields`?")),
            Case(
                "what a step objects to", route("transform: [token, { filter: '(' }]"), [:],
                Finding(5, 34, "option `where` of `filter`: is no expression")),
        ])
    func findings(_ row: Case) { row.check() }
}
