import PatchbayAPI
import PatchbaySettings
import Testing

@testable import PatchbayConfig

@Suite("Alerts and limits")
struct AlertAndLimitTests {
    private func alerts(_ text: String, _ environment: [String: String] = [:]) throws -> AlertSettings {
        let result = load(minimal("alerts: \(text)\n"), environment)
        #expect(result.diagnostics == [])
        return try #require(result.configuration).alerts
    }

    @Test("a topic's own threshold wins over the general one, the environment over the file's")
    func thresholds() throws {
        let both = "{ lag: 100, topics: { a: { lag: 5 } } }"
        #expect(try alerts(both).threshold(ofTopic: "a") == 5)
        #expect(try alerts(both).threshold(ofTopic: "b") == 100)
        #expect(try alerts(both, ["KAFKA_LAG_THRESHOLD": "7"]).threshold(ofTopic: "b") == 7)
        #expect(try alerts("{}").threshold(ofTopic: "b") == nil)
        #expect(try alerts("{ ends_below: 1 }").endsBelow == 1)
        #expect(load(minimal("alerts: { lag: 0 }\n")).configuration == nil)
        #expect(load(minimal("alerts: { topics: { 'no topic': { lag: 1 } } }\n")).configuration == nil)
    }

    @Test("the webhook's address and headers are never shown")
    func webhook() throws {
        let text = "{ node: n, webhook: { url: 'https://u:p@h/secret', headers: { Authorization: hidden } } }"
        let settings = try alerts(text)
        #expect(settings.node == "n")
        #expect(settings.webhook == .init(url: "https://u:p@h/secret", headers: ["Authorization": "hidden"]))
        let result = load(minimal("alerts: \(text)\n"))
        let webhook = result.origins.filter { $0.path.hasPrefix("alerts.webhook.") }
        #expect(webhook.count == 2 && webhook.allSatisfy { $0.value == nil })
        let before = try #require(load(minimal()).configuration)
        let difference = ConfigurationDifference(from: before, to: try #require(result.configuration)).text
        #expect(difference.contains("alerts.webhook") && !difference.contains("secret") && !difference.contains("hidden"))
        #expect(
            load(minimal("alerts: { webhook: { headers: { a: b } } }\n")).diagnostics.map(\.message) == [
                "`headers` needs a `url` to send them to"
            ])
    }

    @Test("thresholds change in a running process, the rest with a restart")
    func reload() throws {
        let before = try #require(load(minimal("alerts: { lag: 1, for: 1s }\nlimits: { subscriptions: 5 }\n")).configuration)
        let after = try #require(
            load(minimal("alerts: { lag: 2, topics: { t: { lag: 3 } }, for: 2s }\nlimits: { subscriptions: 6 }\n")).configuration)
        let difference = ConfigurationDifference(from: before, to: after)
        #expect(difference.changes.filter { !$0.needsRestart }.map(\.name) == ["alerts.lag", "alerts.topics.t.lag"])
        #expect(difference.restartNeeded.sorted() == ["alerts.for", "limits.subscriptions"])
        let running = before.alerts.takingUp(after.alerts)
        #expect(running.threshold(ofTopic: "t") == 3 && running.threshold(ofTopic: "u") == 2 && running.lagFor == .seconds(1))
    }

    @Test("clients can't be told to come back later than at the latest")
    func reconnect() {
        let result = load(minimal("server: { reconnect_earliest: 6s }\n"))
        #expect(result.diagnostics.map(\.message) == ["`reconnect_earliest` is later than `reconnect_latest` (5.0 seconds)"])
    }

    @Test(
        "a star stands for whole labels or ports only",
        arguments: [
            ("https://*.example.com", true), ("http://localhost:*", true), ("https://*.example.com:*", true), ("*", true),
            ("https://ex*mple.com", false), ("https://example.*", false), ("https://*", false), ("*://example.com", false),
        ])
    func origins(_ origin: String, _ isRight: Bool) {
        for key in ["allowed_origins", "cors_origins"] {
            #expect((load(minimal("server: { \(key): ['\(origin)'] }\n")).configuration != nil) == isRight)
        }
    }
}
