import CAllocationCounter
import Foundation
import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins

/// A plugin is believed nothing, and each record has an outcome.
@Suite("Verdicts of plugins")
struct VerdictTests {
    /// Outcomes of quoted words, as the plugin's source has them.
    private func outcomes(_ words: [String], options: [String: ConfigValue] = [:]) async throws -> [(Int64, RecordOutcome)] {
        let sink = CollectingSink()
        let values = words.map { Array("\"\($0)\"".utf8) as [UInt8]? }
        OwnedBatch(values).run(try await PluginFixture.definition().make(options), into: sink)
        return sink.outcomes.map { ($0.recordOffset, $0.outcome) }
    }

    private func outcome(_ word: String, options: [String: ConfigValue] = [:]) async throws -> RecordOutcome {
        let outcomes = try await outcomes([word], options: options)
        #expect(outcomes.count == 1, "\(outcomes)")
        return try #require(outcomes.first).1
    }

    @Test("An honest one passes records on, and makes several of one")
    func honest() async throws {
        #expect(try await outcome("anything") == .data("\"anything\""))
        #expect(try await outcomes(["twice", "a"]).map(\.1) == [.data("1"), .data("2"), .data("\"a\"")])
        #expect(try await outcome("filter") == .filtered)
    }

    @Test("Options arrive as JSON, defaults included")
    func options() async throws {
        #expect(try await outcome("options", options: ["greeting": .string("a\"b")]) == .data(#"{"greeting":"a\"b"}"#))
        #expect(try await outcome("options") == .data(#"{"greeting":"hello"}"#))
    }

    @Test("The first verdict counts")
    func contradictions() async throws {
        let both = try await outcome("both")
        #expect(both.rejection == Rejection(code: "first", field: "a.b", explanation: "no"))
        #expect(try await outcome("late reject") == .data("1"))
    }

    @Test("A record without a verdict is rejected, and so is one that is named by another number")
    func missing() async throws {
        let outcomes = try await outcomes(["a", "silent", "outside", "b"])
        #expect(outcomes.count == 4)
        let rejected = outcomes.filter { $0.1.rejection != nil }
        #expect(rejected.map(\.0) == [1, 2] && rejected.allSatisfy { $0.1.rejection?.code == "plugin_failed" })
        let text = try #require(rejected.first?.1.rejection?.explanation)
        #expect(text == "`liar` of `liar.so` gives no verdict on this record; it names record 4 of 4")
    }

    @Test("What it emits must be one JSON value", arguments: ["half", "two", "bytes", "nothing"])
    func data(_ word: String) async throws {
        let rejection = try #require(try await outcome(word).rejection)
        #expect(rejection.code == "plugin_failed")
        #expect(rejection.explanation.hasPrefix("`liar` of `liar.so` emits data that isn't one JSON value: "))
    }

    @Test("The record's own value must be JSON too, and that is the record's fault")
    func ownValue() async throws {
        let definition = try await PluginFixture.definition()
        #expect(try definition.outcome(of: "{").rejection?.code == "invalid_json")
        #expect(try definition.outcomes(of: [nil]).first?.rejection?.code == "tombstone")
    }

    @Test("Codes are a few words, and texts are bounded and harmless")
    func texts() async throws {
        let code = try #require(try await outcome("code").rejection)
        #expect(code.code == "plugin_failed")
        #expect(code.explanation == "why (the code `Not a Word!` is no word of a few, as codes are)")
        let long = try #require(try await outcome("long").rejection)
        #expect(long.code == "long" && long.explanation.utf8.count < 600 && (long.field?.utf8.count ?? 0) < 300)
        #expect(long.explanation.hasPrefix("\u{FFFD}[31m\u{FFFD}\u{FFFD}xxx") && long.explanation.hasSuffix("x…"))
        let codes = Set(try await outcomes(Array(repeating: "codes", count: 100)).map { $0.1.rejection?.code ?? "" })
        #expect(codes.count == 33 && codes.contains("plugin_failed") && codes.contains("code_00"))
    }

    @Test("Where it breaks, only the record that breaks it is lost, and the order stays")
    func failures() async throws {
        var words = (0..<100).map { "\($0)" }
        words[37] = "fail"
        words[80] = "fail"
        let outcomes = try await outcomes(words)
        #expect(outcomes.count == 100)
        #expect(outcomes.filter { $0.1.rejection != nil }.map(\.0) == [37, 80])
        let passed = outcomes.filter { $0.1.rejection == nil }.map(\.0)
        #expect(passed == passed.sorted())
        #expect(outcomes[37].1.rejection?.explanation == "`liar` of `liar.so` fails at this record: it returned 1 from `patchbay_process`")
    }

    @Test("One that breaks at everything costs a bounded number of new instances")
    func failsAlways() async throws {
        let definition = try await PluginFixture.definition("-DANSWER=\"9\"")
        let transformer = try definition.make()
        let sink = CollectingSink()
        OwnedBatch(Array(repeating: Array("\"fail\"".utf8), count: 1000)).run(transformer, into: sink)
        #expect(sink.outcomes.count == 1000)
        #expect(sink.outcomes.allSatisfy { $0.outcome.rejection?.code == "plugin_failed" })
        let made = try definition.outcome(of: "\"made\"")
        guard case .data(let text) = made, let count = Int(text) else {
            Issue.record("\(made)")
            return
        }
        #expect((1_000_060..<1_000_100).contains(count), "\(count)")
    }

    @Test("Ticks emit without a record, and nothing else")
    func ticks() async throws {
        let transformer = try await PluginFixture.definition().make()
        #expect(transformer.tickInterval == .milliseconds(10))
        let sink = CollectingSink()
        transformer.tick(nowMilliseconds: 5, into: EnvelopeWriter(sink))
        #expect(sink.outcomes.isEmpty, "there is no instance before the first batch")
        OwnedBatch([Array("1".utf8)]).run(transformer, into: sink)
        transformer.tick(nowMilliseconds: 5, into: EnvelopeWriter(sink))
        #expect(sink.outcomes.map(\.outcome) == [.data("1"), .data("{\"tick\":true}")])
        #expect(sink.outcomes.last?.recordOffset == -1)
        transformer.tick(nowMilliseconds: -5, into: EnvelopeWriter(sink))
        #expect(sink.outcomes.count == 2, "what isn't JSON doesn't come out of a tick either")
    }

    @Test("Headers come where they are wanted")
    func headers() async throws {
        let transformer = try await PluginFixture.definition().make()
        let sink = CollectingSink()
        let value = Array("\"headers\"".utf8)
        value.withUnsafeBytes { value in
            var names = ["a", "longer"]
            names.withUnsafeMutableBufferPointer { names in
                guard let owner = names.baseAddress else { return }
                let with = Record(
                    partition: 3, recordOffset: 7, timestampMilliseconds: 1, key: nil, value: value,
                    headers: RecordHeaders(of: OpaquePointer(owner), reader: TwoHeaders.self))
                let without = Record(partition: 3, recordOffset: 8, timestampMilliseconds: 1, key: nil, value: value)
                [without, with, with].withUnsafeBufferPointer {
                    transformer.transform(RecordBatch(topic: "t", records: $0), into: EnvelopeWriter(sink))
                }
            }
        }
        #expect(sink.outcomes.map(\.outcome) == [.data("\"\""), .data("\"a=10longer!\""), .data("\"a=10longer!\"")])
    }

    private enum TwoHeaders: RecordHeaderReader {
        static func last(named name: String, of owner: OpaquePointer) -> UnsafeRawBufferPointer? { nil }

        static func forEach(of owner: OpaquePointer, _ visit: RecordHeaders.Visitor) {
            let names = UnsafePointer<String>(owner)
            visit(names[0], UnsafeRawBufferPointer(start: ten.utf8Start, count: 2))
            visit(names[1], nil)
        }

        private static let ten: StaticString = "10"
    }

    @Test("A record that passes allocates nothing", .enabled(if: allocation_count_is_available()))
    func allocations() async throws {
        let transformer = try await PluginFixture.definition().make()
        let batch = OwnedBatch((0..<100).map { Array("{\"number\":\($0)}".utf8) })
        let sink = CountingSink()
        for _ in 0..<3 { batch.run(transformer, into: sink) }
        let before = allocation_count()
        for _ in 0..<10 { batch.run(transformer, into: sink) }
        #expect(allocation_count() == before)
        #expect(sink.emitted == 1300)
    }
}
