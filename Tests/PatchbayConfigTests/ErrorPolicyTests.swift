import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("What becomes of refused records")
struct ErrorPolicyTests {
    /// One route with these lines after `defaults`.
    private static func file(_ defaults: String, _ lines: String...) -> String {
        "version: 1\ndefaults: { \(defaults) }\nroutes:\n  - topic: a\n    transform: token\n    channel: c\n"
            + lines.map { "    \($0)\n" }.joined()
    }

    @Test(
        "is said by the route, else by the defaults",
        arguments: [
            (file(""), .skip), (file("", "on_error: stop"), .stop), (file("on_error: stop"), .stop),
            (file("on_error: stop", "on_error: skip"), .skip),
            (file("", "on_error: dead_letter", "dead_letter: d"), .deadLetter(topic: "d")),
            (file("dead_letter: d", "on_error: dead_letter"), .deadLetter(topic: "d")),
            (file("on_error: dead_letter, dead_letter: d"), .deadLetter(topic: "d")),
            (file("on_error: dead_letter, dead_letter: d", "dead_letter: e"), .deadLetter(topic: "e")),
            (file("on_error: dead_letter", "dead_letter: e"), .deadLetter(topic: "e")),
            (file("dead_letter: d"), .skip),
        ] as [(String, ErrorPolicy)])
    func policy(_ text: String, _ policy: ErrorPolicy) throws {
        let result = load(text)
        #expect(result.diagnostics == [])
        #expect(try #require(result.configuration).routes[0].onError == policy)
    }

    private static let missing = "`on_error: dead_letter` needs `dead_letter`, the topic that refused records go to"
    private static let missingHint = "add `dead_letter: TOPIC` to the route, or under `defaults` for all routes"
    private static let rule = "must be a Kafka topic: 1 to 249 of the characters `a`–`z`, `A`–`Z`, `0`–`9`, `.`, `_` and `-`"

    @Test(
        "what doesn't go together is found",
        arguments: [
            Case("no topic", file("", "on_error: dead_letter"), [:], Finding(7, 15, missing, missingHint)),
            Case("no topic anywhere", file("on_error: dead_letter"), [:], Finding(4, 5, missing, missingHint)),
            Case(
                "topic for nothing", file("", "dead_letter: d"), [:],
                Finding(
                    7, 5, "`dead_letter` needs `on_error: dead_letter`, and `on_error` is `skip`",
                    "add `on_error: dead_letter`, or remove `dead_letter`")),
            Case(
                "topic for a route that stops", file("on_error: dead_letter", "on_error: stop", "dead_letter: d"), [:],
                Finding(
                    8, 5, "`dead_letter` needs `on_error: dead_letter`, and `on_error` is `stop`",
                    "add `on_error: dead_letter`, or remove `dead_letter`")),
            Case(
                "misspelt policy", file("", "on_error: dead-leter"), [:],
                Finding(
                    7, 15, "`on_error` must be one of `skip`, `dead_letter`, `stop`, found the text `dead-leter`",
                    "did you mean `dead_letter`?")),
            Case(
                "loop", file("on_error: dead_letter", "dead_letter: a"), [:],
                Finding(
                    7, 18, "the route reads its own dead-letter topic `a`, so refused records would come back forever",
                    "use another topic for `dead_letter`")),
            Case(
                "loop through the defaults and a pattern",
                file("on_error: dead_letter, dead_letter: a.dead").replacing("topic: a", with: "topics: [b, ^a]"), [:],
                Finding(
                    4, 5, "the route reads its own dead-letter topic `a.dead` (`^a`), so refused records would come back forever",
                    "use another topic for `dead_letter`")),
            Case(
                "no topic name", file("dead_letter: a b", "on_error: dead_letter", "dead_letter: ^d"), [:],
                Finding(2, 26, "`dead_letter` \(rule), found `a b`"),
                Finding(8, 18, "`dead_letter` must be one topic, not a regular expression, found `^d`")),
        ])
    func findings(_ row: Case) { row.check() }

    @Test("of the two, the wrong one is said only once")
    func once() {
        #expect(load(Self.file("dead_letter: a b, on_error: dead_letter")).diagnostics.count == 1)
        #expect(load(Self.file("dead_letter: [a, b], on_error: dead_letter")).diagnostics.count == 1)
    }

    /// A file whose routes take each other's dead letters passed, and its refused records went round a hundred times a
    /// second.
    @Test(
        "ways round over several routes are found",
        arguments: [
            Case("two", routes("a: x > y", "b: y > x"), [:], Finding(3, 83, way("`a` → `y` → route `b` → `x` → route `a`"), wayHint)),
            Case(
                "three, entered from outside", routes("in: s > x", "c: z > x", "a: x > y", "b: y > z"), [:],
                Finding(4, 83, way("`c` → `x` → route `a` → `y` → route `b` → `z` → route `c`"), wayHint)),
            Case(
                "through a pattern", routes("a: x > dead.x", "b: ^dead.. > x"), [:],
                Finding(3, 83, way("`a` → `dead.x` → route `b` → `x` → route `a`"), wayHint)),
            Case(
                "two ways, both told", routes("a: x > y", "b: y > x", "c: u > v", "d: v > u"), [:],
                Finding(3, 83, way("`a` → `y` → route `b` → `x` → route `a`"), wayHint),
                Finding(5, 83, way("`c` → `v` → route `d` → `u` → route `c`"), wayHint)),
            Case(
                "told beside other mistakes", routes("a: x > y", "b: y > x") + "nonsense: 1\n", [:],
                Finding(3, 83, way("`a` → `y` → route `b` → `x` → route `a`"), wayHint),
                Finding(
                    5, 1, "unknown key `nonsense`",
                    "allowed keys: `version`, `include`, `server`, `limits`, `admin`, `reload`, `alerts`, `kafka`, `plugins`, `defaults`, `channels`, `routes`"
                )),
            Case("a chain is none", routes("a: x > y", "b: y > z", "c: z > end"), [:]),
            Case("a diamond is none", routes("a: x > y", "b: y > z", "c: y > u", "d: [z, u] > end"), [:]),
            Case(
                "a route that is off breaks it", routes("a: x > y", "b: y > x").replacing("name: b", with: "enabled: false, name: b"), [:]),
            Case(
                "a route that skips breaks it",
                routes("a: x > y", "b: y > x").replacing("on_error: dead_letter, topic: y, dead_letter: x", with: "topic: y"), [:]),
            Case(
                "other clusters have other topics",
                "kafka: { clusters: { two: { brokers: 'a:1' } } }\n"
                    + routes("a: x > y", "b: y > x").replacing("name: b", with: "cluster: two, name: b"), [:]),
        ])
    func cycles(_ row: Case) { row.check() }

    @Test("a secret dead-letter topic isn't told in a way round")
    func secretCycle() {
        let text = Self.routes("a: x > y", "b: y > '${file:/secret}'")
        let result = ConfigurationLoader.load(
            path: "routes.yaml", environment: [:], transformers: fakes,
            files: .memory(["routes.yaml": Array(text.utf8), "/secret": Array("x".utf8)]))
        #expect(result.diagnostics.map(\.message) == [Self.way("`a` → `y` → route `b` → *** → route `a`")])
    }

    @Test("thousands of routes in a ring, and a dense graph of patterns, are no trouble")
    func large() {
        let count = 3000
        let ring = Self.routes((0..<count).map { "r\($0): t\($0) > t\(($0 + 1) % count)" })
        let time = ContinuousClock().measure { #expect(load(ring).diagnostics.count == 1) }
        #expect(time < .seconds(20))
        let dense = Self.routes((0..<200).map { "r\($0): '^t[0-9]*.$' > t\($0)x" })
        #expect(!load(dense).diagnostics.isEmpty)
    }

    /// Each as `name: topic > dead-letter topic`, on a line of its own from the third on.
    private static func routes(_ routes: String...) -> String { Self.routes(routes) }

    private static func routes(_ routes: [String]) -> String {
        "version: 1\nroutes:\n"
            + routes.map { route in
                let parts = route.split(separator: " ").map(String.init)
                let topics = parts[1...].prefix { $0 != ">" }.joined(separator: " ")
                let name = parts[0].dropLast()
                return "  - { transform: token, channel: c, on_error: dead_letter, topic: \(topics), dead_letter: "
                    + "\(parts[parts.count - 1]), name: \(name) }\n"
            }.joined()
    }

    private static func way(_ steps: String) -> String { "refused records would come back forever: route \(steps)" }
    private static let wayHint = "give one of them a `dead_letter` topic that no route with `on_error: dead_letter` reads"
}
