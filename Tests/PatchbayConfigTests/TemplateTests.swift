import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Channels and templates")
struct TemplateTests {
    private static func file(_ more: String, _ routes: String...) -> String {
        "version: 1\n\(more)\nroutes:\n" + routes.enumerated().map { "  - { topic: t\($0), transform: token, \($1) }\n" }.joined()
    }

    @Test("a template belongs to its route, a plain channel to the table")
    func kinds() throws {
        let text = Self.file("", "channels: [a, 'b.{x.y}.{@key}']", "channel: [b, a]", "channel: off, enabled: false")
        let configuration = try #require(load(text).configuration)
        #expect(configuration.channels.map(\.name) == ["a", "b"])
        #expect(configuration.routes[0].channels[1].parts == [.literal("b."), .field(FieldPath(names: ["x", "y"])), .literal("."), .key])
        #expect(configuration.routes.map(\.isEnabled) == [true, true, false])
        #expect(configuration.routes[2].channels.map(\.text) == ["off"])
    }

    @Test("settings are those of the entry, else the defaults")
    func settings() throws {
        let text = Self.file(
            "defaults: { buffer: 7, max_channels: 8, channel_idle: 9s }\nchannels: { 't.{x}': { buffer: 50, description: D }, a: { description: A } }",
            "channels: ['t.{x}', a]", "channel: 'u.{x}', max_channels: 5, channel_idle: 1h", "channel: a")
        let configuration = try #require(load(text).configuration)
        #expect(configuration.routes.map(\.templateBuffer) == [50, 7, 7])
        #expect(configuration.routes.map(\.maxChannels) == [8, 5, 8])
        #expect(configuration.routes.map(\.channelIdle) == [.seconds(9), .seconds(3600), .seconds(9)])
        #expect(configuration.channels == [ChannelSettings(name: "a", buffer: 7, description: "A")])
    }

    @Test("defaults are 10,000 channels and ten minutes")
    func defaults() throws {
        let route = try #require(load(minimal()).configuration).routes[0]
        #expect(route.maxChannels == 10_000 && route.channelIdle == .seconds(600) && route.templateBuffer == 100)
    }

    /// 17 placeholders side by side passed a limit of 16, which counted the parts of a name.
    @Test("a name has at most 16 placeholders, whatever stands between them", arguments: ["", ".", "ab"])
    func placeholders(_ between: String) {
        func problem(_ count: Int) -> String? {
            do {
                _ = try ChannelTemplate(Array(repeating: "{x}", count: count).joined(separator: between))
                return nil
            } catch {
                return error.problem
            }
        }
        #expect(problem(16) == nil)
        #expect(problem(17) == "has 17 placeholders")
    }

    private static let braces = "write a placeholder as `{Field}`"

    @Test(
        "what is wrong with them is found at its place",
        arguments: [
            Case(
                "open brace", file("", "channels: [a, 'b.{x']"), [:],
                Finding(4, 50, "`channels` has a `{` without its `}`, found `b.{x`", braces)),
            Case(
                "closed brace", file("", "channel: 'b.x}'"), [:],
                Finding(4, 45, "`channel` has a `}` without its `{`, found `b.x}`", braces)),
            Case(
                "unknown placeholder", file("", "channel: '{@kye}'"), [:],
                Finding(
                    4, 45, "`channel` has an unknown placeholder `{@kye}`, found `{@kye}`",
                    "use `{@key}`, `{@key.FIELD}`, `{@header.NAME}`, `{@topic}`, `{@partition}`, or a field as `{Field}`; "
                        + "a field whose name begins with `@` is `{[\"@kye\"]}`")),
            Case(
                "listed template that is none", file("channels: { 'a{}': }", "channel: a"), [:],
                Finding(
                    2, 13, "channel name `a{}` has a placeholder `{}` that names no field",
                    "write `name`, `outer.inner`, `items[0]`, or `[\"a.b\"]` for a name with a dot in it")),
            Case(
                "a channel for every millisecond", file("", "channel: 'x.{@timestamp}'"), [:],
                Finding(
                    4, 45,
                    "`channel` has the placeholder `{@timestamp}`, which would make a channel for every millisecond, "
                        + "found `x.{@timestamp}`",
                    "put the time into the message instead: `set: { at: \"{@timestamp}\" }`")),
            Case(
                "listed template that no route uses", file("channels: { 't.{Tokn}': }", "channel: 't.{Token}'"), [:],
                Finding(2, 13, "no route uses channel `t.{Tokn}`", "did you mean `t.{Token}`?")),
            Case(
                "listed channel that a template makes", file("channels: { trades.solana: }", "channel: 'trades.{Token}'"), [:],
                Finding(
                    2, 13, "no route uses channel `trades.solana`",
                    "`trades.{Token}` makes it; list the template to set up all channels it makes")),
            Case(
                "buffers that differ", file("channels: { 'a{x}': { buffer: 1 }, 'b{x}': { buffer: 2 } }", "channels: ['a{x}', 'b{x}']"),
                [:],
                Finding(
                    4, 5, "the templates of one route share one `buffer`: `a{x}` has 1, `b{x}` has 2",
                    "give both the same `buffer` under `channels`, or split it into two routes")),
            Case(
                "limits", file("", "channel: '{x}', max_channels: 0, channel_idle: 1ms"), [:],
                Finding(
                    4, 66, "`max_channels` must be between 1 and 1000000 channels, found the number 0", "for example `max_channels: 10000`"),
                Finding(4, 83, "`channel_idle` must be between 1s and 24h, found the text `1ms`", "for example `channel_idle: 10m`")),
        ])
    func findings(_ row: Case) { row.check() }

    @Test("settings that only disabled routes would use are pointed out, and no mistake")
    func disabled() throws {
        let text = Self.file("channels: { a: , b: , c: { buffer: 3 } }", "channel: a", "enabled: false, channels: [b, c]", "channel: c")
        let result = load(text)
        #expect(
            result.diagnostics.map(Finding.init) == [
                Finding(2, 18, "only disabled routes use channel `b`", "clients can't subscribe to it until one of them is enabled")
            ])
        #expect(result.diagnostics.map(\.severity) == [.warning])
        let configuration = try #require(result.configuration)
        #expect(configuration.channels.map(\.name) == ["a", "c"])
        #expect(configuration.channels.map(\.buffer) == [100, 3])
    }

    @Test(
        "a disabled route is checked like any other, and one must be enabled",
        arguments: [
            Case(
                "mistakes", file("", "channel: a", "enabled: false, channel: '{', type: gap"), [:],
                Finding(5, 61, "`channel` has a `{` without its `}`, found `{`", braces),
                Finding(
                    5, 72, "`type` must not be the type of one of the server's own messages, found `gap`",
                    "use another word, such as `gap_data`")),
            Case(
                "name of another", file("", "channel: a, name: n", "enabled: false, channel: a, name: n"), [:],
                Finding(5, 70, "route `n` is defined twice: first at line 4", "give each route a name of its own")),
            Case(
                "all disabled", file("", "enabled: false, channel: a", "enabled: false, channel: a"), [:],
                Finding(4, 5, "all 2 routes are disabled, so there is nothing to do", "enable a route")),
            Case(
                "the only one", file("", "enabled: false, channel: a"), [:],
                Finding(4, 5, "the only route is disabled, so there is nothing to do", "enable a route")),
            Case(
                "no boolean", file("", "enabled: no, channel: a"), [:],
                Finding(4, 45, "`enabled` must be `true` or `false`, found the text `no`", "write `false`")),
        ])
    func enabled(_ row: Case) { row.check() }
}
