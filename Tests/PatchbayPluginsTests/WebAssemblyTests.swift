import CAllocationCounter
import Foundation
import Logging
import PatchbayAPI
import PatchbayConfig
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins
@testable import PatchbayRuntime

/// WebAssembly plugins: what a module does to itself costs the record that made it do so, and nothing else.
@Suite("WebAssembly plugins", .serialized, .enabled(if: WebAssembly.isThere, "skipped: no wasmtime; `make setup` fetches it"))
struct WebAssemblyTests {
    private static let limits = WasmLimits(deadline: .milliseconds(200), memory: 16 << 20)

    private func definition(_ limits: WasmLimits = Self.limits, _ flags: String...) async throws -> TransformerDefinition {
        let plugin = try PluginLoader.load(
            try await PluginFixture.module("sandboxed.c", flags), name: "plugins/sandboxed.wasm", limits: limits)
        return try #require(plugin.definitions.first)
    }

    private func run(_ transformer: any Transformer, _ words: [String]) -> [(Int64, RecordOutcome)] {
        let sink = CollectingSink()
        OwnedBatch(words.map { Array("\"\($0)\"".utf8) }).run(transformer, into: sink)
        return sink.outcomes.map { ($0.recordOffset, $0.outcome) }
    }

    @Test("An honest one does what it does as a library, ticks and verdicts included")
    func honest() async throws {
        let transformer = try await definition().make()
        let outcomes = run(transformer, ["a", "copy", "filter", "reject", "b"])
        #expect(outcomes.map(\.0) == [0, 1, 2, 3, 4])
        #expect(outcomes.map(\.1).prefix(3) == [.data("\"a\""), .data("\"copy\""), .filtered])
        #expect(outcomes[3].1.rejection == Rejection(code: "code", field: "a", explanation: "no"))
        let sink = CollectingSink()
        transformer.tick(nowMilliseconds: 1, into: EnvelopeWriter(sink))
        transformer.tick(nowMilliseconds: Int64.max, into: EnvelopeWriter(sink))
        #expect(sink.outcomes.map(\.outcome) == [.data("\"tick\""), .data("\"late\"")])
        transformer.tick(nowMilliseconds: -1, into: EnvelopeWriter(sink))
        #expect(sink.outcomes.count == 2)
        #expect(run(transformer, ["c"]).map(\.1) == [.data("\"c\"")], "a new one is made after a tick that trapped")
    }

    @Test(
        "Only the record that breaks it is rejected; the others come out in order",
        arguments: [
            ("trap", "it gave up (`unreachable`)"), ("twice and trap", "it gave up (`unreachable`)"),
            ("hang", "it didn't answer within its deadline of 0.2 seconds"), ("deep", "it ran out of stack"),
            ("bomb", "it gave up (`unreachable`)"), ("divide", "it divided by zero"), ("fail", "it returned 1 from `patchbay_process`"),
            ("reach", "it reached outside of its memory"),
            ("flood", "it says more than fits into 32 MiB or 262144 verdicts"),
            ("large flood", "it says more than fits into 32 MiB or 262144 verdicts"),
            ("lying address", "it gives an address outside of its memory: data"),
            ("lying length", "it gives an address outside of its memory: data"),
            ("lying reason", "it gives an address outside of its memory: a reason"),
            ("lying filter", "it gives an address outside of its memory: a reason"),
            ("lying log", "it gives an address outside of its memory: a line of the log"),
        ], [0, 37, 99])
    func poison(_ poison: (word: String, reason: String), _ place: Int) async throws {
        let transformer = try await definition().make()
        _ = run(transformer, ["warm"])
        var words = (0..<100).map { "\($0)" }
        words[place] = poison.word
        let outcomes = run(transformer, words)
        #expect(outcomes.map(\.0) == (0..<100).map(Int64.init), "\(outcomes)")
        let rejected = outcomes.filter { $0.1.rejection != nil }
        #expect(rejected.map(\.0) == [Int64(place)])
        let rejection = try #require(rejected.first?.1.rejection)
        #expect(rejection.code == "plugin_failed")
        let said = poison.reason.isEmpty ? "" : ": \(poison.reason)"
        #expect(rejection.explanation == "`sandboxed` of `plugins/sandboxed.wasm` fails at this record\(said)")
        #expect(run(transformer, ["after"]).map(\.1) == [.data("\"after\"")])
    }

    @Test("Records that don't exist cost the record that has no verdict then", arguments: ["lying record", "silent"])
    func strange(_ word: String) async throws {
        let outcomes = run(try await definition().make(), ["a", word, "b"])
        #expect(outcomes.count == 3)
        #expect(outcomes.filter { $0.1.rejection?.code == "plugin_failed" }.map(\.0) == [1], "\(outcomes)")
    }

    @Test("Several that break it, one after the other")
    func several() async throws {
        var words = (0..<60).map { "\($0)" }
        for place in [0, 1, 30, 59] { words[place] = "trap" }
        let outcomes = run(try await definition().make(), words)
        #expect(outcomes.map(\.0) == (0..<60).map(Int64.init))
        #expect(outcomes.filter { $0.1.rejection != nil }.map(\.0) == [0, 1, 30, 59])
    }

    @Test("An instance that trapped is never used again")
    func fresh() async throws {
        let transformer = try await definition().make()
        #expect(run(transformer, ["calls"]).map(\.1) == [.data("1000000001")])
        #expect(run(transformer, ["calls"]).map(\.1) == [.data("1000000002")], "one that is in order goes on")
        _ = run(transformer, ["trap"])
        #expect(run(transformer, ["calls"]).map(\.1) == [.data("1000000001")])
    }

    @Test("Memory that grows, and batches that are larger than what is put there at a time")
    func memory() async throws {
        let transformer = try await definition(WasmLimits(deadline: .seconds(20), memory: 16 << 20)).make()
        #expect(run(transformer, ["a", "grow", "copy"]).map(\.1.rejection?.code) == [nil, nil, nil])
        let words = (0..<10).map { "copy \($0)" + String(repeating: "x", count: 1 << 20) }
        #expect(run(transformer, words).map(\.1) == words.map { .data("\"\($0)\"") })
        let outcomes = run(transformer, ["a", String(repeating: "x", count: 5 << 20), "b"])
        #expect(outcomes.map(\.0) == [0, 1, 2])
        #expect(outcomes.map(\.1.rejection?.code) == [nil, "plugin_failed", nil])
        #expect(outcomes[1].1.rejection?.explanation.hasSuffix("runs where a record may have 4096 KiB") == true)
    }

    @Test("Headers come where they are wanted")
    func headers() async throws {
        let transformer = try await definition().make()
        let sink = CollectingSink()
        let value = Array("\"headers\"".utf8)
        value.withUnsafeBytes { value in
            var name = "a"
            withUnsafeMutablePointer(to: &name) { name in
                let with = Record(
                    partition: 3, recordOffset: 7, timestampMilliseconds: 1, key: nil, value: value,
                    headers: RecordHeaders(of: OpaquePointer(name), reader: TwoHeaders.self))
                let without = Record(partition: 3, recordOffset: 8, timestampMilliseconds: 1, key: nil, value: value)
                [without, with, with].withUnsafeBufferPointer {
                    transformer.transform(RecordBatch(topic: "t", records: $0), into: EnvelopeWriter(sink))
                }
            }
        }
        #expect(sink.outcomes.map(\.outcome) == [.data("\"\""), .data("\"a=10b!\""), .data("\"a=10b!\"")])
    }

    private enum TwoHeaders: RecordHeaderReader {
        static func last(named name: String, of owner: OpaquePointer) -> UnsafeRawBufferPointer? { nil }

        static func forEach(of owner: OpaquePointer, _ visit: RecordHeaders.Visitor) {
            visit("a", UnsafeRawBufferPointer(start: ten.utf8Start, count: 2))
            visit("b", nil)
        }

        private static let ten: StaticString = "10"
    }

    @Test("A record allocates nothing, passed on or copied", .enabled(if: allocation_count_is_available()))
    func allocations() async throws {
        let transformer = try await definition().make()
        let batch = OwnedBatch((0..<100).map { Array("{\"number\":\($0),\"copy\":\($0 % 2)}".utf8) })
        let sink = CountingSink()
        for _ in 0..<3 { batch.run(transformer, into: sink) }
        let before = allocation_count()
        for _ in 0..<10 { batch.run(transformer, into: sink) }
        #expect(allocation_count() - before <= 10, "one a call, of wasmtime's")
        #expect(sink.emitted == 1300)
    }

    @Test("What goes wrong while it starts is said when the file is checked")
    func starts() async throws {
        let definition = try await definition(WasmLimits(deadline: .milliseconds(20), memory: 16 << 20))
        for (create, message) in [
            ("refuse", "the plugin refuses these options: not these"),
            ("trap", "the plugin broke while an instance was being made: it gave up (`unreachable`)"),
            ("hang", "the plugin broke while an instance was being made: it didn't start within 0.2 seconds"),
            ("flood", "the plugin broke while an instance was being made: it says more than fits into 32 MiB or 262144 verdicts"),
        ] {
            do throws(OptionError) {
                _ = try definition.make(["create": .string(create)])
                Issue.record("\(create)")
            } catch {
                #expect(error.message == message)
            }
        }
    }

    @Test(
        "A module that can't be a plugin is a finding that names what is wrong",
        arguments: [
            ("-DABI=2", "is made for version 2 of the plugin interface, and this Patchbay has version 1"),
            ("-DNO_PROCESS", "doesn't export `patchbay_process`"),
            ("-DOTHER_PROCESS", "exports `patchbay_process` with other parameters"),
            ("-DUNKNOWN_IMPORT", "imports `wasi_snapshot_preview1.fd_write`, which Patchbay doesn't have"),
            ("-DOTHER_IMPORT", "imports `patchbay.emit` with other parameters"),
            ("-DDESCRIBE_HANGS", "didn't start within 2.0 seconds"),
            ("-DDESCRIBE_OUTSIDE", "gives an address outside of its memory: its description"),
            ("-DDESCRIBE_LONG", "gives an address outside of its memory: its description"),
            ("-Wl,--initial-memory=33554432", "can't be started: memory minimum size of 512 pages exceeds memory limits"),
            ("-Wl,--import-memory", "imports `env.memory`, which Patchbay doesn't have"),
        ])
    func failures(_ flag: String, _ problem: String) async throws {
        let failure = await #expect(throws: PluginFailure.self) { _ = try await self.definition(Self.limits, flag) }
        #expect(failure?.problem == problem)
    }

    @Test("So is what is no module at all")
    func noModule() async throws {
        let right = try await PluginFixture.module("sandboxed.c")
        for bytes in [Array(right.prefix(right.count / 2)), Array(right.prefix(9)), [0, 0x61, 0x73, 0x6D, 0x0D, 0, 1, 0]] {
            let failure = #expect(throws: PluginFailure.self) { try PluginLoader.load(bytes, name: "x.wasm") }
            #expect(failure?.problem.hasPrefix("can't be compiled: ") == true, "\(String(describing: failure))")
        }
        let large = right + Array(repeating: 0, count: 17 << 20)
        let failure = #expect(throws: PluginFailure.self) { try PluginLoader.load(large, name: "x.wasm") }
        #expect(failure?.problem == "has 17 MiB, and a module may have 16")
    }

    @Test("Damaged modules are refused or run, and nothing else happens", arguments: 0..<4)
    func damaged(_ seed: Int) async throws {
        let right = try await PluginFixture.module("sandboxed.c")
        var random = SeededGenerator(state: UInt64(seed))
        var loaded = 0
        for _ in 0..<60 {
            var bytes = right
            bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            guard
                let plugin = try? PluginLoader.load(
                    bytes, name: "x.wasm", limits: WasmLimits(deadline: .milliseconds(10), memory: 16 << 20))
            else { continue }
            loaded += 1
            guard let transformer = try? plugin.definitions.first?.make() else { continue }
            let outcomes = run(transformer, ["a", "copy", "filter", "headers"])
            #expect(Set(outcomes.map(\.0)) == [0, 1, 2, 3])
        }
        #expect((1..<60).contains(loaded), "\(loaded)")
    }

    @Test("One that breaks at everything is paused, and its records are rejected at once")
    func pauses() async throws {
        let log = LogBook()
        PluginLoader.log(to: log.logger)
        let transformer = try await definition().make()
        var explanations: [String] = []
        for _ in 0..<20 { explanations += run(transformer, ["trap"]).compactMap(\.1.rejection?.explanation) }
        #expect(explanations.count == 20)
        #expect(explanations.prefix(3).allSatisfy { $0.hasSuffix("fails at this record: it gave up (`unreachable`)") }, "\(explanations)")
        #expect(explanations.last?.contains("broke several times in a row and is started again in ") == true, "\(explanations)")
        let line = try #require(log.line(.error, "plugin failed"))
        #expect(
            line.metadata["plugin"] == "`sandboxed` of `plugins/sandboxed.wasm`" && line.metadata["reason"] == "gave up (`unreachable`)")
        try await eventually("the pause to end") { run(transformer, ["fine"]).map(\.1) == [.data("\"fine\"")] }
    }

    @Test("The same content is compiled once, and let go of when nothing uses it")
    func once() async throws {
        let bytes = try await PluginFixture.module("sandboxed.c")
        weak var kept: WasmModule?
        do {
            let first = try WasmModule.compile(bytes)
            #expect(try WasmModule.compile(bytes) === first)
            kept = first
        }
        let others = try await PluginFixture.module("sandboxed.c", ["-DABI=7"])
        let other = try WasmModule.compile(others)
        #expect(kept == nil)
        withExtendedLifetime(other) {}
    }

    @Test("routes.yaml says what it may use, and what doesn't fit is a finding at its place")
    func settings() async throws {
        let folder = try PluginFolder()
        try folder.write(try await PluginFixture.module("sandboxed.c"), to: "sandboxed.wasm")
        func load(_ entry: String) throws -> LoadedConfiguration {
            try folder.write(
                """
                version: 1
                plugins:
                  - { path: sandboxed.wasm\(entry) }
                routes:
                  - { topic: a, transform: sandboxed, channel: c }

                """, to: "routes.yaml")
            return ConfigurationFile.read(folder.routes, environment: [:], transformers: try BuiltinTransformers.set())
        }
        let usual = try #require(try load("").configuration)
        #expect(usual.plugins.map(\.isolation) == [.init(.webAssembly, deadline: 1000, memory: 64 << 20)])
        let loaded = try load(", deadline: 300ms, memory: 8MiB")
        #expect(loaded.findings.map(\.message) == [])
        let configuration = try #require(loaded.configuration)
        #expect(configuration.plugins.map(\.isolation) == [.init(.webAssembly, deadline: 300, memory: 8 << 20)])
        let difference = ConfigurationDifference(from: configuration, to: usual)
        #expect(difference.changes.map(\.kind) == ["route", "plugin"])
        #expect(
            difference.changes.last?.details == [
                "isolate: WebAssembly, deadline 300 ms, memory 8388608 bytes → WebAssembly, deadline 1 s, memory 67108864 bytes"
            ])
        for (entry, message) in [
            (
                ", isolate: process",
                "`isolate` is for shared libraries, and this is a WebAssembly module, which always has memory of its own"
            ),
            (
                ", sandbox: optional",
                "`sandbox` is for shared libraries, and this is a WebAssembly module, which always has memory of its own"
            ),
            (", memory: 5GiB", "`memory` is more than a WebAssembly module can have"),
        ] {
            let wrong = try load(entry)
            #expect(
                wrong.findings.map(\.message) == [message, "there is no transformer `sandboxed`"].prefix(wrong.findings.count).map { $0 })
            #expect(wrong.configuration == nil && wrong.findings.first?.position?.line == 3 && wrong.findings.first?.hint != nil)
        }
    }

    @Test("wasmtime that isn't there, or is another one, is a finding that says what to do")
    func missing() throws {
        let nowhere = #expect(throws: PluginFailure.self) { try WasmLibrary.path(named: nil, places: ["/nowhere/a", "/nowhere/b"]) }
        #expect(nowhere?.problem == "needs wasmtime, which isn't installed: there is no /nowhere/a and no /nowhere/b")
        #expect(nowhere?.hint?.contains("WASMTIME_LIBRARY") == true)
        let named = #expect(throws: PluginFailure.self) { try WasmLibrary.path(named: "/nowhere/c", places: []) }
        #expect(named?.problem.contains("WASMTIME_LIBRARY names /nowhere/c, which isn't there") == true)
        #expect(try WasmLibrary.path(named: nil, places: ["/nowhere/a", WebAssembly.library]) == WebAssembly.library)
        let folder = try PluginFolder()
        try folder.write("another one", to: "libwasmtime.so")
        let other = #expect(throws: PluginFailure.self) { try WasmLibrary.check(folder.path("libwasmtime.so")) }
        #expect(other?.problem.hasPrefix("needs wasmtime 50.0.1, and ") == true)
        #expect(throws: Never.self) { try WasmLibrary.check(WebAssembly.library) }
    }
}
