import PatchbayAPI
import PatchbayConfig
import PatchbaySettings
import Testing
import TransformerTestSupport

/// `check` said "ok" to files that could never do what they said: origins that no browser sends, regular expressions in
/// Perl's language, addresses with their port or in brackets, placeholders for fields that aren't there. The start went
/// well, and then nothing came. Each is a finding at its place now.
@Suite("What can never work") struct NeverWorkTests {
    private func messages(_ text: String) -> [String] { load(text).diagnostics.map { "\($0.message) | \($0.hint ?? "")" } }

    private func server(_ line: String) -> [String] { messages(minimal("server: { \(line) }\n")) }

    @Test(
        "origins that no browser sends",
        arguments: [
            ("https://a.com:443", "`https://a.com`"), ("http://a.com:80", "`http://a.com`"), ("https://*.a.com:443", "default port"),
            ("https://a.com/app", "the `/` included"), ("https://a.com?x", "the `?` included"), ("https://A.com", "write `https://a.com`"),
            ("wss://a.com", "`https://a.com`"), ("file:///x", "`null`"), ("https://a.com:99999", ""), ("https://a.com:x", ""),
            ("https://[::1", ""), ("https://a:1:2", ""), ("https://münchen.de", "xn--"),
        ])
    func origins(_ origin: String, _ part: String) {
        for key in ["allowed_origins", "cors_origins"] {
            let found = server("\(key): ['\(origin)']")
            #expect(found.count == 1 && found[0].contains(part), "\(found)")
        }
    }

    @Test(
        "origins that browsers send",
        arguments: [
            "https://a.com", "http://localhost:3000", "http://localhost:*", "https://*.a.com", "https://*.a.com:*", "http://[::1]:8080",
            "http://[::1]",
            "https://a.com:80", "http://a.com:443", "null", "chrome-extension://abc", "https://xn--mnchen-3ya.de",
        ])
    func rightOrigins(_ origin: String) { #expect(server("allowed_origins: ['\(origin)']") == []) }

    /// With a proxy that takes the base path away, what is left of a request for `/ws` below `/ws` looked as if it still had it:
    /// the path was taken for the base path, and every handshake got 404.
    @Test("base paths that begin like the server's own") func basePaths() {
        for path in [
            "/ws", "/docs", "/docs/app", "/health", "/health/live", "/metrics", "/channels", "/openapi.json", "/asyncapi.json", "/ws/x",
        ] {
            let found = server("base_path: \(path)")
            #expect(
                found.count == 1 && found[0].contains("server's own paths") && found[0].contains("`/patchbay`"), "\(path): \(found)")
        }
        for path in ["/", "/patchbay", "/wsx", "/patchbay/ws", "/app/docs", "/Docs"] {
            #expect(server("base_path: \(path)") == [], "\(path)")
        }
    }

    /// The time that came out of a secret stood in the words about the other one.
    @Test("a time to reconnect that is secret") func secretTimes() {
        for text in ["reconnect_earliest: 10m, reconnect_latest: '${file:/s}'", "reconnect_earliest: '${file:/s}', reconnect_latest: 1s"] {
            let found = ConfigurationLoader.load(
                bytes: Array(minimal("server: { \(text) }\n").utf8), file: "f", environment: [:], transformers: fakes,
                files: .memory(["/s": Array("4711ms".utf8)])
            ).diagnostics.map(\.message)
            #expect(found == ["`reconnect_earliest` is later than `reconnect_latest`"])
        }
        #expect(server("reconnect_earliest: 2s, reconnect_latest: 1s").first?.contains("(1.0 seconds)") == true)
    }

    /// It works all the same, since origins are compared in lower case.
    @Test("capitals are a warning") func capitals() {
        let result = load(minimal("server: { allowed_origins: [\"https://Example.com\"] }\n"))
        #expect(result.configuration?.server.allowedOrigins == ["https://Example.com"])
        #expect(result.diagnostics.map(\.severity) == [.warning])
        #expect(result.diagnostics.first?.position?.line == 2)
    }

    @Test(
        "regular expressions in another language",
        arguments: [
            ("^a\\d+", "write `[0-9]`"), ("^a\\D", "`[^0-9]`"), ("^\\w+?", "leave out the second sign"), ("^a*+b", "leave out"),
            ("^a{2}?", "leave out"),
            ("^(?:a|b)", "no options"), ("^(?=a)", "no options"), ("^a\\z", "`^` and `$`"), ("^[\\w.]+", "`0-9` for digits"),
            ("^[\\d]", "`0-9` for digits"),
        ])
    func patterns(_ pattern: String, _ part: String) {
        let found = messages("version: 1\nroutes:\n  - topic: '\(pattern)'\n    transform: token\n    channel: c\n")
        #expect(found.count == 1 && found[0].contains(part), "\(found)")
    }

    @Test(
        "regular expressions that POSIX reads as they are meant",
        arguments: [
            "^metrics\\..*", "^a\\.b$", "^[a-z]{2,4}$", "^(a|b)?c+$", "^a\\w+", "^[^.]+$", "^[]a]", "^[[:alpha:]]+", "^a\\?+",
        ])
    func rightPatterns(_ pattern: String) {
        #expect(messages("version: 1\nroutes:\n  - topic: '\(pattern)'\n    transform: token\n    channel: c\n") == [])
    }

    @Test(
        "hosts",
        arguments: [
            ("[::1]", "without brackets: `::1`"), ("localhost:8080", "`host: localhost` and `port: 8080`"),
            ("http://a", "leave out `http://`"),
            ("a b", "for example"), ("a/b", "for example"), ("[::1]:80", "`::1`"),
        ])
    func hosts(_ host: String, _ part: String) {
        for section in ["server", "admin"] {
            let found = messages(minimal("\(section): { host: '\(host)' }\n"))
            #expect(found.count == 1 && found[0].contains(part), "\(found)")
        }
    }

    @Test("hosts that can be listened on", arguments: ["0.0.0.0", "::", "::1", "localhost", "fe80::1%eth0", "my-host.local"])
    func rightHosts(_ host: String) { #expect(messages(minimal("server: { host: '\(host)' }\n")) == []) }

    @Test(
        "brokers",
        arguments: [
            ("a:9092 ", "leave out the spaces"), ("a:9092 b:9092", "leave out the spaces"), ("a: 9092", "leave out the spaces"),
            ("a:9092/", "leave out the `/`"), ("a:9092/topic", "leave out the `/`"), ("a:0", "between 1 and 65535"),
        ])
    func brokers(_ broker: String, _ part: String) {
        let found = messages(minimal("kafka: { brokers: ['\(broker)'] }\n"))
        #expect(found.count == 1 && found[0].contains(part), "\(found)")
    }

    @Test(
        "placeholders",
        arguments: [
            ("{ name }", "write `name`"), ("{a. b}", "write `a.b`"), ("{items[-1].id}", "counts from the end"),
            ("{items[]}", "which element it means"),
        ])
    func placeholders(_ placeholder: String, _ part: String) {
        let found = messages("version: 1\nroutes:\n  - topic: t\n    transform: token\n    channel: 'x.\(placeholder)'\n")
        #expect(found.count == 1 && found[0].contains(part), "\(found)")
    }

    @Test("placeholders for what an earlier step dropped are asked about") func dropped() {
        var checks = ConfigurationChecks.none
        checks.placeholder = { schema, path in schema == "S" && path.text == "gone" ? ("there is no `gone`", "name another") : nil }
        let maker = TransformerDefinition(
            name: "make", summary: "Makes.", defaultType: "made", outputSchema: { _ in .schema("S") }
        ) { _ throws(OptionError) in { Nothing() } }
        func found(_ transform: String, _ channel: String) -> [Finding] {
            ConfigurationLoader.load(
                text: "version: 1\nroutes:\n  - topic: t\n    transform: \(transform)\n    channels: [a, '\(channel)']\n",
                file: "routes.yaml",
                environment: [:], transformers: fakes + [maker], checks: checks
            ).diagnostics.map(Finding.init)
        }
        #expect(
            found("make", "x.{gone}") == [
                Finding(5, 19, "`{gone}` in channel `x.{gone}` can never be filled in: there is no `gone`", "name another")
            ])
        #expect(found("make", "x.{kept}") == [] && found("[make, token]", "x.{gone}") == [])
    }

    private final class Nothing: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
    }

    @Test("a plain channel that a template makes as well") func overlap() {
        func found(_ template: String, isEnabled: Bool = true) -> [Diagnostic] {
            load(
                "version: 1\nroutes:\n  - { topic: a, transform: token, channels: [trades.x, trades.y] }\n"
                    + "  - { topic: b, transform: token, channel: '\(template)', enabled: \(isEnabled) }\n"
            ).diagnostics
        }
        let overlap = found("trades.{Token}")
        #expect(overlap.map(\.severity) == [.warning] && overlap.first?.position?.line == 4)
        #expect(overlap.first?.message.contains("also make the channel `trades.x` and 1 more") == true)
        #expect(found("by.{Token}") == [] && found("trades.{Token}", isEnabled: false) == [])
    }
}
