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

    @Test("is said by the route, else by the defaults", arguments: [
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

    @Test("what doesn't go together is found", arguments: [
        Case("no topic", file("", "on_error: dead_letter"), [:], Finding(7, 15, missing, missingHint)),
        Case("no topic anywhere", file("on_error: dead_letter"), [:], Finding(4, 5, missing, missingHint)),
        Case("topic for nothing", file("", "dead_letter: d"), [:],
            Finding(7, 5, "`dead_letter` needs `on_error: dead_letter`, and `on_error` is `skip`",
                "add `on_error: dead_letter`, or remove `dead_letter`")),
        Case("topic for a route that stops", file("on_error: dead_letter", "on_error: stop", "dead_letter: d"), [:],
            Finding(8, 5, "`dead_letter` needs `on_error: dead_letter`, and `on_error` is `stop`",
                "add `on_error: dead_letter`, or remove `dead_letter`")),
        Case("misspelt policy", file("", "on_error: dead-leter"), [:],
            Finding(7, 15, "`on_error` must be one of `skip`, `dead_letter`, `stop`, found the text `dead-leter`", "did you mean `dead_letter`?")),
        Case("loop", file("on_error: dead_letter", "dead_letter: a"), [:],
            Finding(7, 18, "the route reads its own dead-letter topic `a`, so refused records would come back for ever",
                "take another topic for `dead_letter`")),
        Case("loop through the defaults and a pattern",
            file("on_error: dead_letter, dead_letter: a.dead").replacing("topic: a", with: "topics: [b, ^a]"), [:],
            Finding(4, 5, "the route reads its own dead-letter topic `a.dead` (`^a`), so refused records would come back for ever",
                "take another topic for `dead_letter`")),
        Case("no topic name", file("dead_letter: a b", "on_error: dead_letter", "dead_letter: ^d"), [:],
            Finding(2, 26, "`dead_letter` \(rule), found `a b`"),
            Finding(8, 18, "`dead_letter` must be one topic, not a regular expression, found `^d`")),
    ])
    func findings(_ row: Case) { row.check() }

    @Test("of the two, the wrong one is said only once")
    func once() {
        #expect(load(Self.file("dead_letter: a b, on_error: dead_letter")).diagnostics.count == 1)
        #expect(load(Self.file("dead_letter: [a, b], on_error: dead_letter")).diagnostics.count == 1)
    }
}
