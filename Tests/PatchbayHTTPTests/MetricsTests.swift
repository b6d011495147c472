import Foundation
import NIOCore
import PatchbayAPI
import PatchbayJSON
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

@Suite struct MetricsTests {
    private final class Step: PluginStep {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
        func begin(on route: String, countingInto counters: PluginCounters) {}
    }

    private final class Memory: PluginMemory { let bytes: Int? = 4096 }

    /// A page over a router without event loops, with awkward names in it.
    private func page(
        channels: [String] = ["dashboard", "quo\"te\\slash\nline", "ünï"], alerts: AlertSnapshot = AlertSnapshot()
    ) -> (text: String, collector: MetricsCollector) {
        let like = ServerFixture.route("t", channels: [])
        var steps = like.steps
        steps[0].plugin = Route.PluginUse(transformer: "mask", origin: PluginOrigin(name: "p\"q.so", place: .process))
        let route = Route(
            name: "r\"1\"", topics: like.topics, steps: steps, type: "x",
            channels: channels.map(ChannelTemplate.init(plain:)) + [(try? ChannelTemplate("by.{a}")) ?? .init(plain: "x")],
            makeFieldReader: { JSONFieldReader(paths: $0) })
        let counters = route.counters.plugin("mask")
        for time in [Duration.microseconds(30), .seconds(20)] { counters.countBatch(time) }
        let (step, other) = (Step(), Step())
        counters.failed(step, because: "crashed")
        counters.began(step, memory: Memory(), isRestart: true)
        counters.sawBatches(other, failed: 4, pauseEnd: nil)
        let router = RoutingHub(table: RouteTable(routes: [route]), fanouts: [])
        let processor = router.makeProcessor()
        for value in [#"{"a":"one"}"#, #"{"a":"two"}"#, #"{"a":"two"}"#, "null"] {
            var bytes = Array(value.utf8)
            bytes.withUnsafeMutableBytes { bytes in
                let record = Record(
                    partition: 0, recordOffset: 0, timestampMilliseconds: 0, key: nil, value: UnsafeRawBufferPointer(bytes))
                withUnsafePointer(to: record) {
                    _ = processor.process(
                        RecordBatch(topic: "t", records: UnsafeBufferPointer(start: $0, count: 1)))
                }
            }
            processor.finishPoll()
        }
        let consumer = ObjectIdentifier(router)
        for now: Int64 in [1000, 2500] {
            router.waits.wait(consumer, cluster: "default", channel: "by.a", label: "by.{a}", monotonicMilliseconds: now)
        }
        router.waits.end(consumer, monotonicMilliseconds: 2500)
        let consumption = ConsumptionSnapshot(clusters: [
            .init(
                name: "default", isReachable: true, restarts: 2,
                topics: [
                    .init(
                        topic: "t", partitionCount: 4,
                        partitions: [.init(partition: 0, lag: 17), .init(partition: 1, lag: nil)], records: 4, unreadable: 1,
                        skipped: 3)
                ])
        ])
        let collector = MetricsCollector(
            sources: .init(version: "1.2.3", consumption: { consumption }, alerts: { alerts }), router: router,
            clients: { .init(connections: 3, limit: 10, opened: 5, refusals: [("request_rate", 7)]) },
            configuration: { ConfigurationStatus(appliedAtMilliseconds: 1_700_000_000_000) }, status: { .degraded })
        return (String(buffer: collector.bytes()), collector)
    }

    private func value(_ series: String, in page: String) -> String? {
        page.split(separator: "\n").first { $0.hasPrefix(series + " ") }.map { String($0.dropFirst(series.count + 1)) }
    }

    @Test func figuresAreWhatHappened() {
        let page = page(alerts: AlertSnapshot(active: [("lag", "default", "t")], webhookSent: 2)).text
        for (series, expected) in [
            ("patchbay_build_info{version=\"1.2.3\"}", "1"), ("patchbay_healthy", "0.5"), ("patchbay_connections", "3"),
            ("patchbay_limit_refusals_total{limit=\"request_rate\"}", "7"),
            ("patchbay_channel_messages_total{channel=\"dashboard\"}", "4"),
            // Two channels came of the template, with three messages; the fourth record has no such field.
            ("patchbay_channel_messages_total{channel=\"by.{a}\"}", "3"),
            ("patchbay_template_channels{channel=\"by.{a}\"}", "2"),
            ("patchbay_route_records_total{route=\"r\\\"1\\\"\"}", "4"),
            ("patchbay_route_records_rejected_total{route=\"r\\\"1\\\"\",reason=\"channel_unrenderable\"}", "1"),
            ("patchbay_kafka_lag_records{cluster=\"default\",topic=\"t\",partition=\"0\"}", "17"),
            ("patchbay_kafka_assigned_partitions{cluster=\"default\",topic=\"t\"}", "2"),
            ("patchbay_kafka_records_skipped_total{cluster=\"default\",topic=\"t\"}", "3"),
            ("patchbay_alert_active{alert=\"lag\",cluster=\"default\",topic=\"t\"}", "1"),
            ("patchbay_webhook_messages_total{result=\"sent\"}", "2"),
            ("patchbay_consumer_waits_seconds_total{channel=\"by.{a}\"}", "1.5"), ("patchbay_awaited_channels", "0"),
            ("patchbay_batch_records_count", "4"), ("patchbay_config_last_reload_timestamp_seconds", "1700000000"),
        ] {
            #expect(value(series, in: page) == expected, "\(series)")
        }
        #expect(!page.contains("partition=\"1\""), "a lag that is not known is no lag of 0")
        for family in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
            #expect((value(family, in: page).flatMap(Double.init) ?? 0) > 0, "\(family)")
        }
    }

    @Test func everyMetricIsDeclaredOnceAndWellNamed() {
        let families = MetricFamilies.groups.flatMap(\.families)
        #expect(Set(families.map(\.name)).count == families.count)
        for family in families {
            #expect((family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
            #expect(family.help.hasSuffix("."), "\(family.name)")
            #expect(MetricsReference.markdown().contains("`\(family.name)`"))
        }
        let page = page(alerts: AlertSnapshot(active: [("lag", "c", "t")])).text
        let shown = Set(page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] })
        for family in families where family.name != "patchbay_metrics_series_left_out" {
            #expect(shown.contains(Substring(family.name)), "\(family.name) is declared and never shown")
        }
    }

    @Test func pluginsHaveFiguresOfTheirOwn() {
        let text = page().text
        let labels = #"route="r\"1\"",transformer="mask",plugin="p\"q.so""#
        for (series, expected) in [
            ("batch_seconds_bucket{\(labels),le=\"2e-05\"}", "0"), ("batch_seconds_bucket{\(labels),le=\"5e-05\"}", "1"),
            ("batch_seconds_bucket{\(labels),le=\"10\"}", "1"), ("batch_seconds_bucket{\(labels),le=\"+Inf\"}", "2"),
            ("batch_seconds_sum{\(labels)}", "20.00003"), ("batch_seconds_count{\(labels)}", "2"), ("failures_total{\(labels)}", "1"),
            ("restarts_total{\(labels)}", "1"), ("instances{\(labels)}", "1"), ("memory_bytes{\(labels)}", "4096"),
            ("failing{\(labels)}", "1"),
        ] {
            #expect(value("patchbay_plugin_\(series)", in: text) == expected, "\(series)")
        }
    }

    /// promtool, of Prometheus itself, checks the page.
    @Test func promtoolAcceptsThePage() async throws {
        let (status, output) = try await Promtool.run(["check", "metrics"], input: page().text)
        #expect(status == 0, "\(output)")
        // And it does judge.
        #expect(try await Promtool.run(["check", "metrics"], input: "a{ 1\n").status != 0)
    }

    @Test func theRulesAndTheirTestsPass() async throws {
        let folder = "docs/operations/"
        for arguments in [["check", "rules", folder + "patchbay.rules.yaml"], ["test", "rules", folder + "patchbay.rules.test.yaml"]] {
            let (status, output) = try await Promtool.run(arguments)
            #expect(status == 0, "\(output)")
        }
    }

    /// A rule or panel over a metric that is not there never fires and never shows anything.
    @Test func rulesAndDashboardUseMetricsThatExist() throws {
        let known = Set(MetricFamilies.groups.flatMap(\.families).map(\.name))
        let root = Promtool.root.appendingPathComponent("docs/operations")
        for file in ["patchbay.rules.yaml", "grafana-dashboard.json"] {
            let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
            let names = text.matches(of: /\b(patchbay_[a-z_]+|process_[a-z_]+)/).map { String($0.output.1) }
            #expect(names.count > 10)
            for name in Set(names) {
                let base = ["_bucket", "_sum", "_count"].reduce(name) { $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0 }
                #expect(known.contains(name) || known.contains(base), "\(file) uses \(name)")
            }
        }
        let dashboard = try Data(contentsOf: root.appendingPathComponent("grafana-dashboard.json"))
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: dashboard) }
    }

    /// Ten thousand channels must not make ten thousand series more than the page shows, nor lose their sums.
    @Test func veryManyChannelsAreSummedUp() {
        let names = (0..<(MetricsCollector.mostChannels + 5)).map { "channel-\($0)" }
        let page = page(channels: names).text
        let lines = page.split(separator: "\n").filter { $0.hasPrefix("patchbay_channel_messages_total{") }
        #expect(lines.count == MetricsCollector.mostChannels)
        let sum = lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
        #expect(sum == names.count * 4 + 3)
        #expect(value("patchbay_metrics_series_left_out{metric=\"patchbay_channel_messages_total\"}", in: page) != nil)
    }
}

/// Prometheus' own tool, from the package prometheus.
enum Promtool {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func run(_ arguments: [String], input: String = "") async throws -> (status: Int32, output: String) {
        let result = try await ExternalProgram.run(["promtool"] + arguments, input: input, in: root)
        return (result.status, result.said)
    }
}
