import Foundation
import Logging
import PatchbayAPI
import PatchbayConfig
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins
@testable import PatchbayRuntime

/// Plugins with `isolate: process`: what a plugin does to its process costs the record that made it do so, and nothing else.
@Suite("Plugins in a process of their own", .serialized)
struct ProcessTests {
    private static func isolation(
        deadline: Duration = .milliseconds(400), memory: Int = 64 << 20, program: String? = nil
    ) -> PluginIsolation {
        let beside = Bundle.main.bundleURL.appendingPathComponent(HelperProgram.name).path
        return PluginIsolation(deadline: deadline, memory: memory, program: program ?? beside)
    }

    private func definition(
        _ isolation: PluginIsolation = Self.isolation(), _ flags: String...
    ) async throws -> TransformerDefinition {
        let plugin = try PluginLoader.load(
            try await PluginFixture.library("trouble.c", flags), name: "plugins/trouble.so", isolation: isolation)
        return try #require(plugin.definitions.first)
    }

    private func run(_ transformer: any Transformer, _ words: [String]) -> [(Int64, RecordOutcome)] {
        let sink = CollectingSink()
        OwnedBatch(words.map { Array("\"\($0)\"".utf8) }).run(transformer, into: sink)
        return sink.outcomes.map { ($0.recordOffset, $0.outcome) }
    }

    @Test("An honest one does what it does in the router, ticks and verdicts included")
    func honest() async throws {
        let transformer = try await definition().make()
        let outcomes = run(transformer, ["a", "copy", "filter", "reject"])
        #expect(outcomes.map(\.0) == [0, 1, 2, 3])
        #expect(outcomes.map(\.1).prefix(3) == [.data("\"a\""), .data("\"copy\""), .filtered])
        #expect(outcomes.last?.1.rejection == Rejection(code: "code", field: "a", explanation: "no"))
        let sink = CollectingSink()
        transformer.tick(nowMilliseconds: 1, into: EnvelopeWriter(sink))
        #expect(sink.outcomes.map(\.outcome) == [.data("\"tick\"")])
        transformer.tick(nowMilliseconds: -1, into: EnvelopeWriter(sink))
        #expect(run(transformer, ["b"]).map(\.1) == [.data("\"b\"")], "a new one is made after a tick that crashed")
    }

    @Test(
        "Only the record that breaks it is rejected; the others come out in order",
        arguments: [
            ("crash", "it crashed (signal 11)"), ("twice and crash", "it crashed (signal 11)"), ("abort", "it crashed (signal 6)"),
            ("exit", "it ended its process (exit code 0)"), ("hang", "it didn't answer within its deadline of 0.4 seconds"),
            ("spin", "it didn't answer within its deadline of 0.4 seconds"),
            ("bomb", "it crashed (signal 11), with less than a quarter of its `memory` of 64 MiB left"),
            ("starve", "it didn't answer within its deadline of 0.4 seconds, with less than a quarter of its `memory` of 64 MiB left"),
            ("flood", "it says more than fits into 32 MiB or 262144 verdicts"), ("fail", "it returned 1 from `patchbay_process`"),
            ("lying used", "it says what can't be, about its own answer"), ("lying entry", "it says what can't be, about its own answer"),
            ("early answer", "it says what can't be, about its own answer"),
            ("closed answers", "it didn't answer within its deadline of 0.4 seconds"),
            ("truncate", "it crashed (signal 11)"),
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
        #expect(rejection.explanation == "`trouble` of `plugins/trouble.so` fails at this record: \(poison.reason)")
        #expect(run(transformer, ["after"]).map(\.1) == [.data("\"after\"")])
    }

    @Test("Records and kinds that don't exist cost the record that has no verdict then", arguments: ["lying record", "lying kind"])
    func strange(_ word: String) async throws {
        let outcomes = run(try await definition().make(), [word])
        #expect(outcomes.map(\.1.rejection?.code) == ["plugin_failed"], "\(outcomes)")
    }

    @Test("Several that break it, one after the other")
    func several() async throws {
        var words = (0..<60).map { "\($0)" }
        for place in [0, 1, 30, 59] { words[place] = "crash" }
        let outcomes = run(try await definition().make(), words)
        #expect(outcomes.map(\.0) == (0..<60).map(Int64.init))
        #expect(outcomes.filter { $0.1.rejection != nil }.map(\.0) == [0, 1, 30, 59])
    }

    @Test("One that is killed from outside loses no record, between batches or in one", arguments: [1, 100])
    func killed(_ count: Int) async throws {
        let transformer = try await definition().make()
        let words = (0..<count).map { "\($0)" }
        for _ in 0..<5 {
            guard case .data(let text)? = run(transformer, ["process number"]).first?.1, let number = Int(text) else {
                Issue.record("no number")
                return
            }
            // Waits for its end: before that, a batch may still come through.
            let process = pid_t(number - 1_000_000_000)
            kill(process, SIGKILL)
            let outcomes = run(transformer, words)
            #expect(outcomes.map(\.1) == words.map { .data("\"\($0)\"") })
        }
        #expect(run(transformer, ["a", "killed once", "b"]).map(\.1) == [.data("\"a\""), .data("\"killed once\""), .data("\"b\"")])
    }

    @Test(
        "Once an instance is made, its process can do nothing but compute",
        arguments: [
            "open a file", "open a socket", "start a process", "run memory", "signal another",
        ])
    func confined(_ word: String) async throws {
        #expect(run(try await definition().make(), [word]).map(\.1) == [.data("\"refused\"")])
    }

    @Test("It inherits nothing of the router's, and reaches and starts no other processes while it loads")
    func inherits() async throws {
        func message(_ create: String) async throws -> String {
            let definition = try await definition()
            do throws(OptionError) {
                _ = try definition.make(["create": .string(create)])
                return ""
            } catch { return error.message }
        }
        let file = open("/etc/hostname", O_RDONLY)
        defer { close(file) }
        #expect(try await message("descriptors") == "the plugin refuses these options and gives no reason")
        #expect(try await message("fork") == "the plugin refuses these options: no fork")
        #expect(try await message("signal the router") == "the plugin refuses these options: no signal")
        #expect(try await message("memory file") == "the plugin refuses these options: no file")
        #expect(try await message("read the router") == "the plugin refuses these options: no way")
        #expect(try await message("write a file") == "the plugin refuses these options: no file")
    }

    @Test("What goes wrong while it starts is said when the file is checked")
    func starts() async throws {
        let expected = [
            ("refuse", "the plugin refuses these options: not these"),
            ("crash", "the plugin broke while an instance was being made: it crashed (signal 11)"),
            ("hang", "the plugin broke while an instance was being made: it didn't start within 0.5 seconds"),
            ("flood", "the plugin broke while an instance was being made: it says more than fits into 32 MiB or 262144 verdicts"),
        ]
        let definition = try await definition(Self.isolation(deadline: .milliseconds(50)))
        for (create, message) in expected {
            do throws(OptionError) {
                _ = try definition.make(["create": .string(create)])
                Issue.record("\(create)")
            } catch {
                #expect(error.message == message)
            }
        }
        let hangs = await #expect(throws: PluginFailure.self) {
            try await self.definition(Self.isolation(deadline: .milliseconds(50)), "-DDESCRIBE_HANGS")
        }
        #expect(hangs?.problem == "didn't start within 0.5 seconds")
    }

    @Test("A program that isn't there, and memory that isn't enough, are findings")
    func unavailable() async throws {
        let missing = await #expect(throws: PluginFailure.self) { try await self.definition(Self.isolation(program: "/nowhere/host")) }
        #expect(missing?.problem == "can't be isolated: /nowhere/host isn't there, or can't be run")
        let strange = await #expect(throws: PluginFailure.self) { try await self.definition(Self.isolation(program: "/bin/true")) }
        #expect(strange?.problem == "ended its process (exit code 0)")
        let small = await #expect(throws: PluginFailure.self) { try await self.definition(Self.isolation(memory: 4096)) }
        #expect(small?.problem.hasPrefix("can't be loaded: ") == true, "\(String(describing: small))")
    }

    @Test("What a plugin returns is in the log with its number, the route, and the record once it is alone", arguments: [true, false])
    func returns(_ isIsolated: Bool) async throws {
        // Not the other one in the router, where another test expects it not to be.
        let bytes = isIsolated ? try await PluginFixture.library("trouble.c") : try await PluginFixture.liar()
        let plugin = try PluginLoader.load(bytes, name: "plugins/failing.so", isolation: isIsolated ? Self.isolation() : nil)
        let definition = try #require(plugin.definitions.first)
        let counters = PluginCounters()
        var lines: [LogBook.Line] = []
        // Other tests take the log as well.
        try await eventually("two lines") {
            let log = LogBook()
            PluginLoader.log(to: log.logger)
            let made = try definition.make()
            let transformer = try #require(made as? any PluginStep)
            transformer.begin(on: "a-route", countingInto: counters)
            _ = run(transformer, ["a", "fail", "b"])
            lines = log.lines.filter { $0.message == "plugin failed" && "\($0.metadata["plugin"] ?? "")".hasSuffix("plugins/failing.so`") }
            return lines.count == 2
        }
        for line in lines {
            #expect(line.metadata["reason"] == "returned 1 from `patchbay_process`" && line.metadata["route"] == "a-route", "\(line)")
        }
        #expect(lines.first?.metadata["record_offset"] == nil && lines.last?.metadata["record_offset"] == "1")
        #expect(counters.snapshot().lastFailure?.reason == "returned 1 from `patchbay_process`")
    }

    @Test("One that breaks at everything is paused, and its records are rejected at once")
    func pauses() async throws {
        let log = LogBook()
        PluginLoader.log(to: log.logger)
        let transformer = try await definition().make()
        var explanations: [String] = []
        for _ in 0..<20 { explanations += run(transformer, ["crash"]).compactMap(\.1.rejection?.explanation) }
        #expect(explanations.count == 20)
        #expect(explanations.prefix(3).allSatisfy { $0.hasSuffix("fails at this record: it crashed (signal 11)") }, "\(explanations)")
        #expect(explanations.last?.contains("broke several times in a row and is started again in ") == true, "\(explanations)")
        let line = try #require(log.line(.error, "plugin failed"))
        #expect(line.metadata["plugin"] == "`trouble` of `plugins/trouble.so`" && line.metadata["reason"] == "crashed (signal 11)")
        try await eventually("the pause to end") { run(transformer, ["fine"]).map(\.1) == [.data("\"fine\"")] }
    }

    @Test("routes.yaml says how a plugin runs, and what doesn't fit together is a finding at its place")
    func settings() async throws {
        let folder = try PluginFolder()
        try folder.write(try await PluginFixture.library("trouble.c"), to: "trouble.so")
        func load(_ entry: String) throws -> LoadedConfiguration {
            try folder.write(
                """
                version: 1
                plugins:
                  - { path: trouble.so, \(entry) }
                routes:
                  - { topic: a, transform: trouble, channel: c }

                """, to: "routes.yaml")
            return ConfigurationFile.read(folder.routes, environment: [:], transformers: try BuiltinTransformers.set())
        }
        let loaded = try load("isolate: process, deadline: 300ms, memory: 48MiB")
        #expect(loaded.findings.map(\.message) == [])
        let configuration = try #require(loaded.configuration)
        #expect(configuration.plugins.map(\.isolation) == [.init(deadline: 300, memory: 48 << 20, mustBeConfined: true)])
        let slowerLoaded = try load("isolate: process, deadline: 2s, memory: 48MiB")
        let slower = try #require(slowerLoaded.configuration)
        let difference = ConfigurationDifference(from: configuration, to: slower)
        #expect(difference.changes.map(\.kind) == ["route", "plugin"])
        #expect(
            difference.changes.last?.details == [
                "isolate: process, deadline 300 ms, memory 50331648 bytes → process, deadline 2 s, memory 50331648 bytes"
            ])
        let lonely = try load("deadline: 1s")
        #expect(lonely.findings.map(\.message) == ["`deadline` is for plugins in a process of their own"])
        #expect(lonely.findings.first?.position?.line == 3)
        let small = try load("isolate: process, memory: 1MiB")
        #expect(small.findings.map(\.message) == [], "a plugin in C needs next to nothing")

        // From anyone who reaches the admin port: it must not bring the plugin into the router.
        let text = "version: 1\nplugins: [{ path: trouble.so }]\nroutes: [{ topic: a, transform: trouble, channel: c }]\n"
        let candidate = ConfigurationFile.read(
            Candidate(bytes: Array(text.utf8), known: slowerLoaded.known), insteadOf: folder.routes, environment: [:],
            transformers: try BuiltinTransformers.set())
        #expect(
            candidate.findings.map(\.message) == [
                "plugin `trouble.so` isn't loaded into the router as it is, and a candidate doesn't load it"
            ])
    }

    @Test("Batches that are larger than the memory between the processes go in parts")
    func large() async throws {
        let transformer = try await definition(Self.isolation(deadline: .seconds(20))).make()
        let size = 1 << 20
        let words = (0..<70).map { number in "\(number)" + String(repeating: "x", count: size) }
        #expect(run(transformer, words).map(\.1) == words.map { .data("\"\($0)\"") })
        let outcomes = run(transformer, ["a", String(repeating: "x", count: 33 << 20), "b"])
        #expect(outcomes.map(\.0) == [0, 1, 2])
        #expect(outcomes.map(\.1.rejection?.code) == [nil, "plugin_failed", nil])
    }
}

/// What pauses there are between instances that break.
@Suite struct RestartBackOffTests {
    @Test func pausesGrowAndEnd() {
        var backOff = RestartBackOff(RestartPolicy(retryTime: .seconds(1)))
        let start = ContinuousClock.now
        for _ in 0..<3 {
            backOff.failed(isStart: false, at: start)
            #expect(backOff.pause(at: start) == nil, "a record alone in its batch may be what breaks it")
        }
        backOff.failed(isStart: false, at: start)
        #expect(backOff.pause(at: start) == .milliseconds(100))
        #expect(backOff.pause(at: start + .milliseconds(100)) == nil)
        backOff.failed(isStart: false, at: start)
        #expect(backOff.pause(at: start) == .milliseconds(200))
        for _ in 0..<200 { backOff.failed(isStart: false, at: start) }
        #expect(backOff.pause(at: start) == .seconds(30))
        backOff.succeeded()
        #expect(backOff.pause(at: start) == nil)
        backOff.failed(isStart: true, at: start)
        #expect(backOff.pause(at: start) == .milliseconds(100), "a start that fails is no record's fault")
    }
}
