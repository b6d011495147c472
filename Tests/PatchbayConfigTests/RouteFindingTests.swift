import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Findings about routes and channels")
struct RouteFindingTests {
    /// A file whose only route has these lines.
    private static func route(_ lines: String...) -> String {
        "version: 1\nroutes:\n  - " + lines.joined(separator: "\n    ") + "\n"
    }

    private static let known = "known transformers: `aggregate`, `filter`, `mask`, `pick`, `token`"
    private static let topicRule = "must be a Kafka topic: 1 to 249 of the characters `a`–`z`, `A`–`Z`, `0`–`9`, `.`, `_` and `-`"

    @Test(
        "each is found at its place, with what to do",
        arguments: [
            Case(
                "no topic", route("transform: token", "channel: c"), [:],
                Finding(3, 5, "a route needs `topic` or `topics`", "add `topic: NAME` or `topics: [NAME, NAME]`")),
            Case(
                "no transformer", route("topic: a", "channel: c"), [:],
                Finding(3, 5, "`transform` is missing", "for example `transform: token`")),
            Case(
                "no channel", route("topic: a", "transform: token"), [:],
                Finding(3, 5, "a route needs `channel` or `channels`", "add `channel: NAME` or `channels: [NAME, NAME]`")),
            Case(
                "misspelt keys",
                route("topc: a", "topic: a", "transform: token", "chanel: c", "chanels: c", "channel: c", "enable: true", "on-error: skip"),
                [:],
                Finding(3, 5, "unknown key `topc`", "did you mean `topic`?"),
                Finding(6, 5, "unknown key `chanel`", "did you mean `channel`?"),
                Finding(7, 5, "unknown key `chanels`", "did you mean `channels`?"),
                Finding(9, 5, "unknown key `enable`", "did you mean `enabled`?"),
                Finding(10, 5, "unknown key `on-error`", "did you mean `on_error`?")),
            Case(
                "both kinds of channel", route("topic: a", "channels: [c]", "transform: token", "channel: d"), [:],
                Finding(6, 5, "a route has either `channel` or `channels`, not both", "put every name into `channels`")),
            Case(
                "no channels in the list", route("topic: a", "transform: token", "channels: []"), [:],
                Finding(5, 15, "`channels` must have at least one item", "for example `channels: [dashboard, \"trades.{Token}\"]`")),
            Case(
                "channel named twice", route("topic: a", "transform: token", "channels: [c, d, c]"), [:],
                Finding(5, 22, "channel `c` is named twice in this route", "remove one of them")),
            Case(
                "control character in a channel", route("topic: a", "transform: token", "channel: \"a\\nb\""), [:],
                Finding(
                    5, 14,
                    "`channel` must not contain control characters, line breaks or marks that change the direction of text, found `a\\nb`",
                    nil)),
            Case(
                "text direction override in a channel", route("topic: a", "transform: token", "channel: \"a\\u202Eb\""), [:],
                Finding(
                    5, 14,
                    "`channel` must not contain control characters, line breaks or marks that change the direction of text, found `aU+202Eb`",
                    nil)),
            Case(
                "topic that can't be", route("topic: a b", "transform: token", "channel: c"), [:],
                Finding(3, 12, "`topic` \(topicRule), found `a b`", nil)),
            Case(
                "topic of dots", route("topic: ..", "transform: token", "channel: c"), [:],
                Finding(3, 12, "`topic` \(topicRule), found `..`", nil)),
            Case(
                "type of the protocol's own", route("topic: a", "transform: token", "type: gap", "channel: c"), [:],
                Finding(
                    5, 11, "`type` must not be the type of one of the server's own messages, found `gap`",
                    "use another word, such as `gap_data`")),
            Case(
                "misspelt transformer", route("topic: a", "transform: tokn", "channel: c"), [:],
                Finding(4, 16, "there is no transformer `tokn`", "did you mean `token`? (\(known))")),
            Case(
                "unknown transformer", route("topic: a", "transform: { zebra: {} }", "channel: c"), [:],
                Finding(4, 18, "there is no transformer `zebra`", known)),
            Case(
                "number for a transformer", route("topic: a", "transform: 5", "channel: c"), [:],
                Finding(4, 16, "`transform` must be text, found the number 5", "put it in quotes: `\"5\"`")),
            Case(
                "no transformer in the mapping", route("topic: a", "transform: {}", "channel: c"), [:],
                Finding(
                    4, 16, "`transform` must name exactly one transformer, found none",
                    "write `transform: NAME` or `transform: { NAME: { option: value } }`")),
            Case(
                "options beside the transformer", route("topic: a", "transform: { aggregate: , windows: [1min] }", "channel: c"), [:],
                Finding(
                    4, 16, "`transform` must name exactly one transformer, found `aggregate`, `windows`",
                    "indent the options below `aggregate`")),
            Case(
                "options that are a list", route("topic: a", "transform: { aggregate: [1min] }", "channel: c"), [:],
                Finding(4, 29, "the options of `aggregate` must be a mapping (`key: value`)", "options: `windows`")),
            Case(
                "options for a transformer without", route("topic: a", "transform: { token: 5 }", "channel: c"), [:],
                Finding(
                    4, 25, "the options of `token` must be a mapping (`key: value`)", "`token` has no options: write `transform: token`")),
            Case(
                "option of a transformer without", route("topic: a", "transform: { token: { x: 1 } }", "channel: c"), [:],
                Finding(4, 27, "unknown key `x`", "no keys are allowed here")),
            Case(
                "unknown option", route("topic: a", "transform: { aggregate: { window: [] } }", "channel: c"), [:],
                Finding(4, 31, "unknown key `window`", "did you mean `windows`?")),
            Case(
                "option named like a key of the route", route("topic: a", "transform: { aggregate: { tests: [] } }", "channel: c"), [:],
                Finding(4, 31, "unknown key `tests`", "allowed keys: `windows`")),
            Case(
                "unknown choice", route("topic: a", "transform: { aggregate: { windows: [1min, 5mins] } }", "channel: c"), [:],
                Finding(4, 47, "`windows` must be one of `1min`, `5min`, `1hour`, found the text `5mins`", "did you mean `5min`?")),
            Case(
                "what the transformer objects to",
                route("topic: a", "transform: { aggregate: { windows: [1min, 5min, 1hour] } }", "channel: c"), [:],
                Finding(4, 40, "option `windows` of `aggregate`: all windows are the default", "leave it out")),
            Case(
                "what the transformer objects to as a whole",
                route("topic: a", "transform: { mask: { key: longenough, ratio: 0 } }", "channel: c"), [:],
                Finding(4, 18, "`mask`: does nothing at all", nil)),
            Case(
                "what the transformer objects to in the environment",
                route("topic: a", "transform: { mask: { key: longenough } }", "channel: c"),
                ["MASK_DEEP": "true"],
                Finding(0, 0, "MASK_DEEP: is too deep", "stay shallow")),
            Case(
                "missing option, transformer by name", route("topic: a", "transform: mask", "channel: c"), [:],
                Finding(4, 16, "`key` is missing", "for example `key: ${MASK_KEY}`")),
            Case(
                "missing option, no options", route("topic: a", "transform:", "  mask:", "channel: c"), [:],
                Finding(5, 7, "`key` is missing", "for example `key: ${MASK_KEY}`")),
            Case(
                "options of every kind",
                route(
                    "topic: a", "transform:", "  mask:", "    key: longenough", "    ratio: 2",
                    "    deep: 0", "    every: 1ms", "    nested: { level: 4, x: 1 }", "    rename: { a: 1 }", "channel: c"), [:],
                Finding(7, 16, "`ratio` must be between 0.0 and 1.0, found the number 2", nil),
                Finding(8, 15, "`deep` must be `true` or `false`, found the number 0", "write `false`"),
                Finding(9, 16, "`every` must be between 10ms and 1m, found the text `1ms`", nil),
                Finding(10, 26, "`level` must be between 1 and 3, found the number 4", nil),
                Finding(10, 29, "unknown key `x`", "allowed keys: `level`"),
                Finding(11, 22, "`a` must be text, found the number 1", "put it in quotes: `\"1\"`")),
        ])
    func oneRoute(_ row: Case) { row.check() }

    private static let two = """
        version: 1
        routes:
          - { topic: a, transform: token, channel: c }
          - { topic: a, name: b, transform: token, channel: d }

        """

    @Test(
        "names are checked against each other",
        arguments: [
            Case(
                "same name", two + "  - { name: b, topic: z, transform: token, channel: c }\n", [:],
                Finding(5, 13, "route `b` is defined twice: first at line 4", "give each route a name of its own")),
            Case(
                "name that is another's topic", two + "  - { name: a, topic: z, transform: token, channel: c }\n", [:],
                Finding(5, 13, "route `a` is defined twice: first at line 3", "give each route a name of its own")),
            Case(
                "same topic without names", two + "  - { topic: a, transform: token, channel: c }\n", [:],
                Finding(
                    5, 14, "route `a` is defined twice: first at line 3",
                    "a route is named after its topic unless it has a `name`; give one of them a `name`")),
            Case(
                "misspelt channel", two + "channels: { dd: {}, chan: {}, c: { buffer: 1 } }\n", [:],
                Finding(5, 13, "no route uses channel `dd`", "did you mean `d`?"),
                Finding(5, 21, "no route uses channel `chan`", "remove it, or name it in a route's `channel`")),
            Case(
                "channel that no route may use", two + "channels: { 'x{y}': }\n", [:],
                Finding(5, 13, "no route uses channel `x{y}`", "remove it, or name it in a route's `channel`")),
            Case(
                "settings of a channel", two + "channels: { c: { buffer: 0, description: [x] } }\n", [:],
                Finding(5, 26, "`buffer` must be between 1 and 1000000 messages, found the number 0", "for example `buffer: 500`"),
                Finding(
                    5, 42, "`description` must be text, found a list", "for example `description: Everything the trading dashboard shows`")),
            Case(
                "unused channels are not guessed while a route's are unreadable",
                "version: 1\nchannels: { d: }\nroutes: [{ topic: a, transform: token, channel: { d: } }]\n", [:],
                Finding(3, 49, "`channel` must be text, found a mapping", "for example `channel: dashboard`")),
        ])
    func names(_ row: Case) { row.check() }

    @Test("a channel's name may have 255 bytes, a topic's 249")
    func lengths() {
        // As long as what templates render: it was 200 characters here, so up to 800 bytes.
        let longest = String(repeating: "é", count: 127) + "x"
        #expect(load(minimal().replacing("channel: c", with: "channel: \(longest)")).configuration != nil)
        #expect(
            findings(minimal().replacing("channel: c", with: "channel: \(longest)x")).map(\.message)
                == ["`channel` must have between 1 and 255 bytes, found `\(longest.prefix(60))…`"])
        let topic = String(repeating: "t", count: 249)
        #expect(load(minimal().replacing("topic: a", with: "topic: \(topic)")).configuration != nil)
        #expect(load(minimal().replacing("topic: a", with: "topic: \(topic)t")).configuration == nil)
    }

    @Test("what is wrong with a shared value is said once")
    func shared() {
        let text = """
            version: 1
            routes:
              - { topic: a, transform: &t { aggregate: { windos: [] } }, channel: c }
              - { topic: b, transform: *t, channel: c }
            """
        #expect(findings(text) == [Finding(3, 46, "unknown key `windos`", "did you mean `windows`?")])
    }
}
