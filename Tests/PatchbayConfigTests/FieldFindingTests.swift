import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Findings about keys and values")
struct FieldFindingTests {
    private static let topKeys =
        "`version`, `include`, `server`, `limits`, `admin`, `reload`, `alerts`, `kafka`, `plugins`, `defaults`, `channels`, `routes`"

    @Test(
        "each is found at its place, with what to do",
        arguments: [
            Case(
                "unknown key with a near one", minimal("server:\n  prot: 1\n"), [:],
                Finding(3, 3, "unknown key `prot`", "did you mean `port`?")),
            Case(
                "unknown key with swapped letters", minimal("kakfa: {}\n"), [:],
                Finding(2, 1, "unknown key `kakfa`", "did you mean `kafka`?")),
            Case(
                "unknown key in another spelling", minimal("server:\n  Max-Clients: 1\n"), [:],
                Finding(3, 3, "unknown key `Max-Clients`", "did you mean `max_clients`?")),
            Case(
                "unknown key with nothing near", minimal("zzz: 1\n"), [:],
                Finding(2, 1, "unknown key `zzz`", "allowed keys: \(topKeys)")),
            Case(
                "key on the wrong level", minimal("max_clients: 1\n"), [:],
                Finding(2, 1, "unknown key `max_clients`", "`max_clients` belongs under `server`")),
            Case(
                "merge key", minimal("server:\n  <<: {}\n"), [:],
                Finding(3, 3, "unknown key `<<`", "merge keys are not supported; write the keys out, or share whole values with aliases")),
            Case(
                "key given twice", minimal("server:\n  port: 1\n  host: h\n  port: 2\n"), [:],
                Finding(5, 3, "key `port` is given twice: first at line 3, column 3", "remove one of them")),
            Case(
                "second of two is checked too", minimal("server: { port: 1, port: x }\n"), [:],
                Finding(2, 20, "key `port` is given twice: first at line 2, column 11", "remove one of them"),
                Finding(2, 26, "`port` must be a whole number, found the text `x`", "for example `port: 8080`")),
            Case(
                "missing version", "routes:\n  - topic: a\n    transform: token\n    channel: c\n", [:],
                Finding(1, 1, "`version` is missing", "for example `version: 1`")),
            Case(
                "unknown version", minimal().replacing("version: 1", with: "version: 2"), [:],
                Finding(1, 10, "`version` must be 1, found the number 2", "for example `version: 1`")),
            Case(
                "missing routes", "version: 1\n", [:],
                Finding(1, 1, "`routes` is missing", "for example `routes: [{ topic: trade-info, transform: trade, channel: dashboard }]`")),
            Case(
                "no routes", "version: 1\nroutes: []\n", [:],
                Finding(
                    2, 9, "`routes` must have at least one item",
                    "for example `routes: [{ topic: trade-info, transform: trade, channel: dashboard }]`")),
            Case(
                "routes left empty", "version: 1\nroutes:\n", [:],
                Finding(
                    2, 8, "`routes` must be a list, found nothing",
                    "for example `routes: [{ topic: trade-info, transform: trade, channel: dashboard }]`")),
        ])
    func keys(_ row: Case) { row.check() }

    @Test(
        "a wrong value is found at the value",
        arguments: [
            Case(
                "text for a number", minimal("server: { port: x }\n"), [:],
                Finding(2, 17, "`port` must be a whole number, found the text `x`", "for example `port: 8080`")),
            Case(
                "quoted number", minimal("server:\n  port: \"80\"\n"), [:],
                Finding(3, 9, "`port` must be a whole number, found the text `80`", "remove the quotes")),
            Case(
                "number with separators", minimal("server:\n  max_clients: 1_000\n"), [:],
                Finding(3, 16, "`max_clients` must be a whole number, found the text `1_000`", "write `1000`")),
            Case(
                "fraction for a whole number", minimal("server:\n  port: 80.5\n"), [:],
                Finding(3, 9, "`port` must be a whole number, found the number 80.5", "for example `port: 8080`")),
            Case(
                "nothing for a number", minimal("server:\n  port:\n"), [:],
                Finding(3, 8, "`port` must be a whole number, found nothing", "for example `port: 8080`")),
            Case(
                "list for a number", minimal("server:\n  port: [1]\n"), [:],
                Finding(3, 9, "`port` must be a whole number, found a list", "for example `port: 8080`")),
            Case(
                "number out of range", minimal("server:\n  port: 99999\n"), [:],
                Finding(
                    3, 9, "`port` must be between 1 and 65535, or 0 (any free port), found the number 99999", "for example `port: 8080`")),
            Case(
                "number past 64 bits", minimal("server:\n  port: 99999999999999999999\n"), [:],
                Finding(
                    3, 9, "`port` must be between 1 and 65535, or 0 (any free port), found the number 99999999999999999999",
                    "for example `port: 8080`")),
            Case(
                "negative number with a unit", minimal("server:\n  max_clients: -1\n"), [:],
                Finding(
                    3, 16, "`max_clients` must be between 1 and 1000000 clients, found the number -1", "for example `max_clients: 1000`")),
            Case(
                "number for text", minimal("server:\n  host: 127\n"), [:],
                Finding(3, 9, "`host` must be text, found the number 127", "put it in quotes: `\"127\"`")),
            Case(
                "boolean for text", minimal("kafka:\n  group: true\n"), [:],
                Finding(3, 10, "`group` must be text, found the boolean `true`", "put it in quotes: `\"true\"`")),
            Case(
                "empty text", minimal("kafka:\n  group: ''\n"), [:],
                Finding(3, 10, "`group` must not be empty", "for example `group: backend-service`")),
            Case(
                "time span without unit", minimal("server:\n  ping_interval: 30\n"), [:],
                Finding(3, 18, "`ping_interval` must be a time span such as `30s`, found the number 30", "add a unit: `30s` or `30ms`")),
            Case(
                "time span with a wrong unit", minimal("server:\n  ping_interval: 1d\n"), [:],
                Finding(
                    3, 18, "`ping_interval` must be a time span such as `30s`, found the text `1d`",
                    "units are `ms`, `s`, `m` and `h`, after a whole number")),
            Case(
                "time span out of range", minimal("server:\n  drain_timeout: 1m\n"), [:],
                Finding(3, 18, "`drain_timeout` must be between 0s and 9s, found the text `1m`", "for example `drain_timeout: 5s`")),
            Case(
                "time span past 64 bits", minimal("server:\n  ping_interval: 9223372036854775807h\n"), [:],
                Finding(
                    3, 18, "`ping_interval` must be between 1s and 1h, found the text `9223372036854775807h`",
                    "for example `ping_interval: 30s`")),
            Case(
                "size with half a unit", minimal("server:\n  read_buffer: 64k\n"), [:],
                Finding(
                    3, 16, "`read_buffer` must be a size such as `64KiB`, found the text `64k`",
                    "write `64KiB` (powers of 1024) or `64KB` (powers of 1000)")),
            Case(
                "size out of range", minimal("server:\n  read_buffer: 2MiB\n"), [:],
                Finding(3, 16, "`read_buffer` must be between 128 bytes and 1MiB, found the text `2MiB`", "for example `read_buffer: 1024`")
            ),
            Case(
                "mapping for a list", minimal("kafka:\n  brokers: { a: 1 }\n"), [:],
                Finding(3, 12, "`brokers` must be text, found a mapping", "for example `brokers: [kafka1:9092, kafka2:9092]`")),
            Case(
                "empty list", minimal("kafka:\n  brokers: []\n"), [:],
                Finding(
                    3, 12, "`brokers` must have at least one item",
                    "for example `brokers: [kafka1:9092, kafka2:9092]`; or leave `brokers` out and set KAFKA_BROKERS")),
            Case(
                "text for a list of mappings", minimal("plugins: good.so\n"), [:],
                Finding(
                    2, 10, "`plugins` must be a list, found the text `good.so`", "for example `plugins: [{ path: plugins/mask.so }]`")),
            Case(
                "text for a mapping", minimal("kafka: yes\n"), [:],
                Finding(2, 8, "`kafka` must be a mapping (`key: value`), found the text `yes`", nil)),
            Case(
                "list for a mapping of names", minimal("channels: [c]\n"), [:],
                Finding(
                    2, 11, "`channels` must be a mapping (`key: value`), found a list",
                    "for example `channels: { dashboard: { buffer: 500 } }`")),
            Case(
                "list for a property", minimal("kafka:\n  properties:\n    debug: [a]\n"), [:],
                Finding(4, 12, "`debug` must be text, a number or a boolean, found a list", nil)),
            Case(
                "nothing for a property", minimal("kafka:\n  properties:\n    debug: ~\n"), [:],
                Finding(4, 12, "`debug` must be text, a number or a boolean, found nothing", nil)),
            Case(
                "property with a key of its own", minimal("kafka:\n  properties:\n    group.id: x\n"), [:],
                Finding(4, 5, "property `group.id` is set by `kafka.group`", "write `group: …` instead")),
        ])
    func values(_ row: Case) { row.check() }

    @Test(
        "addresses are checked one by one",
        arguments: [
            ("kafka", "add the port: `kafka:9092`"),
            ("kafka:", "the port must be between 1 and 65535"),
            ("kafka:0", "the port must be between 1 and 65535"),
            ("kafka:65536", "the port must be between 1 and 65535"),
            ("kafka:+1", "the port must be between 1 and 65535"),
            (":9092", "for example `kafka1:9092`"),
            ("ka fka:9092", "leave out the spaces; write several as a list: `brokers: [kafka1:9092, kafka2:9092]`"),
            ("::1:9092", "put an IPv6 address in brackets: `[::1]:9092`"),
            ("[::1]", "for example `kafka1:9092`"),
            ("[x]:9092", "for example `[::1]:9092`"),
            ("ssl://kafka:9092", "leave out `ssl://`; set `security.protocol` under `properties`"),
            ("a:1,b:2", "write several as a list: `brokers: [kafka1:9092, kafka2:9092]`"),
        ])
    func brokers(_ address: String, _ hint: String) {
        let text = minimal("kafka:\n  brokers: ['ok:1', '\(address)', '[::1]:9092']\n")
        #expect(findings(text) == [Finding(3, 21, "`brokers` must be `host:port`, found `\(address)`", hint)])
    }

    @Test(
        "origins are checked one by one",
        arguments: [
            ("example.com", "write `https://example.com`"),
            ("https://example.com/", "leave out what follows the host, the `/` included: browsers send no path"),
            ("https://", nil), ("://x", nil), ("https://a b", nil),
        ] as [(String, String?)])
    func origins(_ origin: String, _ hint: String?) {
        let text = minimal("server:\n  allowed_origins: ['\(origin)', 'http://localhost:3000', '*', 'null']\n")
        let problem = "`allowed_origins` must be `*` or an origin such as `https://example.com`"
        #expect(findings(text) == [Finding(3, 21, "\(problem), found `\(origin)`", hint)])
    }

    @Test(
        "only true and false are booleans",
        arguments: [
            ("yes", "the text `yes`", "write `true`"), ("on", "the text `on`", "write `true`"),
            ("True", "the text `True`", "write `true`"), ("no", "the text `no`", "write `false`"),
            ("OFF", "the text `OFF`", "write `false`"), ("'true'", "the text `true`", "remove the quotes"),
            ("1", "the number 1", "write `true`"), ("maybe", "the text `maybe`", nil), ("~", "nothing", nil),
        ] as [(String, String, String?)])
    func booleans(_ text: String, _ found: String, _ hint: String?) {
        let file = "version: 1\nroutes:\n  - topic: a\n    channel: c\n    transform:\n      mask:\n        key: 0123456789\n"
        #expect(
            findings(file.replacing("0123456789", with: "longenough") + "        deep: \(text)\n")
                == [Finding(8, 15, "`deep` must be `true` or `false`, found \(found)", hint)])
    }

    /// The first of two findings was "`transform` is missing", and health and logs, which show the first, said just that.
    @Test("a misspelt key is one finding, not a missing key as well")
    func misspeltIsNotMissing() {
        #expect(
            findings("version: 1\nroutes:\n  - { topic: a, transfrm: token, chanel: c }\n") == [
                Finding(3, 17, "unknown key `transfrm`", "did you mean `transform`?"),
                Finding(3, 34, "unknown key `chanel`", "did you mean `channel`?"),
            ])
    }

    @Test("a file with a dozen mistakes gets a dozen findings, in order")
    func allAtOnce() {
        let text = """
            version: 3
            server: { prot: 1, port: 70000, host: ~ }
            kafka: { brokers: [nowhere], batch_size: 0 }
            defaults: { buffer: many }
            channels: { dashbord: { bufer: 1 } }
            routes:
              - { topic: a/b, transform: tokn, chanel: x }
              - { topic: b, transform: { aggregate: { windows: [2min], x: 1 } }, channel: dashboard }
              - { topic: b, transform: token, channel: "{x" }
              - 5
            """
        let result = load(text, ["PORT": "x"])
        #expect(result.configuration == nil)
        #expect(
            result.diagnostics.map { Finding($0) }.map { "\($0.line):\($0.column)" } == [
                "0:0", "1:10", "2:11", "2:26", "2:39", "3:20", "3:42", "4:21", "5:25", "7:14", "7:30", "7:36", "8:53",
                "8:60", "9:14", "9:44", "10:5",
            ])
    }
}

extension String {
    func replacing(_ needle: String, with replacement: String) -> String {
        var result = ""
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(needle) {
                result += replacement
                rest = rest.dropFirst(needle.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result
    }
}
