import Foundation
import PatchbayAPI
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins

/// What is counted of a plugin on a route, for `/health` and `/metrics`.
@Suite(.serialized) struct CounterTests {
    private func transformer(_ definition: TransformerDefinition, _ counters: PluginCounters) throws -> any PluginStep {
        let made = try definition.make()
        let step = try #require(made as? any PluginStep)
        step.begin(on: "a-route", countingInto: counters)
        return step
    }

    private func isolated(deadline: Duration = .milliseconds(400)) async throws -> TransformerDefinition {
        let program = Bundle.main.bundleURL.appendingPathComponent(HelperProgram.name).path
        let plugin = try PluginLoader.load(
            try await PluginFixture.library("trouble.c"), name: "plugins/trouble.so",
            isolation: PluginIsolation(deadline: deadline, memory: 64 << 20, program: program))
        return try #require(plugin.definitions.first)
    }

    @discardableResult
    private func run(_ transformer: any Transformer, _ words: [String]) -> [RecordOutcome] {
        let sink = CollectingSink()
        OwnedBatch(words.map { Array("\"\($0)\"".utf8) }).run(transformer, into: sink)
        return sink.outcomes.map(\.outcome)
    }

    @Test("Batches, failures and restarts of a plugin in a process")
    func failures() async throws {
        let definition = try await isolated()
        #expect(definition.plugin == PluginOrigin(name: "plugins/trouble.so", place: .process))
        let counters = PluginCounters()
        var step: (any PluginStep)? = try transformer(definition, counters)
        #expect(counters.snapshot().instances == 0, "it is made with the first batch")
        run(try #require(step), ["a", "b"])
        var figures = counters.snapshot()
        #expect(figures.batches.reduce(0, +) == 1 && figures.seconds > 0)
        #expect(figures.failures == 0 && figures.restarts == 0 && figures.instances == 1 && figures.lastFailure == nil)

        run(try #require(step), ["a", "crash", "b"])
        figures = counters.snapshot()
        #expect(figures.batches.reduce(0, +) == 2)
        // It broke the instance of the batch, and the one it was tried on alone.
        #expect(figures.failures == 2 && figures.restarts == 2 && figures.instances == 1)
        #expect(figures.lastFailure?.reason == "crashed (signal 11)")
        #expect(figures.failedBatches == nil && figures.pause == nil)

        for _ in 0..<4 { run(try #require(step), ["crash"]) }
        figures = counters.snapshot()
        #expect(figures.failedBatches == 4 && figures.instances == 0 && figures.memory == nil)
        #expect(try #require(figures.pause) <= .milliseconds(100))
        try await eventually("the pause to end") { run(step!, ["fine"]) == [.data("\"fine\"")] }
        figures = counters.snapshot()
        #expect(figures.failedBatches == nil && figures.pause == nil && figures.instances == 1)

        step?.tick(nowMilliseconds: -1, into: EnvelopeWriter(CollectingSink()))
        #expect(counters.snapshot().failures == figures.failures + 1, "a tick that crashes is a failure, too")
        #expect(counters.snapshot().instances == 0)
        run(try #require(step), ["fine"])
        #expect(counters.snapshot().restarts == figures.restarts + 1)
        step = nil
        #expect(counters.snapshot().instances == 0 && counters.snapshot().memory == nil, "a route that is gone has none")
    }

    @Test("The memory of a process is its resident memory")
    func memory() async throws {
        let counters = PluginCounters()
        let step = try transformer(try await isolated(deadline: .seconds(5)), counters)
        guard case .data(let text)? = run(step, ["process number"]).first, let number = Int(text) else {
            Issue.record("no number")
            return
        }
        func resident() throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(number - 1_000_000_000)/status", encoding: .utf8)
            return try #require(status.firstMatch(of: /VmRSS:\s+([0-9]+) kB/).flatMap { Int($0.output.1) }) << 10
        }
        let before = try #require(counters.snapshot().memory)
        // The kernel rounds in parts of its own.
        #expect(abs(before - (try resident())) <= 512 << 10)
        run(step, ["take 20 MiB"])
        let after = try #require(counters.snapshot().memory)
        #expect(after >= before + 19 << 20 && after <= before + 22 << 20, "\(before) → \(after)")
        #expect(abs(after - (try resident())) <= 512 << 10)
    }

    @Test("A plugin in the router has no memory of its own to show")
    func native() async throws {
        let definition = try await PluginFixture.definition()
        #expect(definition.plugin == PluginOrigin(name: "liar.so", place: .router))
        let counters = PluginCounters()
        let step = try transformer(definition, counters)
        run(step, ["a"])
        let figures = counters.snapshot()
        #expect(figures.batches.reduce(0, +) == 1 && figures.instances == 1 && figures.memory == nil)
    }

    @Test("What several consumers count adds up, and batches fall into ranges")
    func sums() throws {
        final class Step: PluginStep {
            func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
            func begin(on route: String, countingInto counters: PluginCounters) {}
        }
        final class Memory: PluginMemory { let bytes: Int? = 7 }
        let counters = PluginCounters()
        let (first, second) = (Step(), Step())
        for step in [first, second] { counters.began(step, memory: Memory(), isRestart: step === second) }
        for time in [Duration.microseconds(20), .microseconds(21), .seconds(11)] { counters.countBatch(time) }
        let now = ContinuousClock.now
        counters.failed(first, because: "crashed", at: now)
        counters.sawBatches(first, failed: 5, pauseEnd: now + .seconds(2))
        counters.sawBatches(second, failed: 1, pauseEnd: nil)
        let figures = counters.snapshot(at: now + .seconds(1))
        #expect(figures.batches == [1, 1] + [Int64](repeating: 0, count: 12) + [1])
        #expect(abs(figures.seconds - 11.000_041) < 1e-9)
        #expect(figures.failures == 1 && figures.restarts == 1 && figures.instances == 1 && figures.memory == 7)
        #expect(figures.lastFailure?.reason == "crashed" && figures.lastFailure?.age == .seconds(1))
        #expect(figures.failedBatches == 5 && figures.pause == .seconds(1))
        #expect(counters.snapshot(at: now + .seconds(2)).pause == nil)
        counters.left(ObjectIdentifier(first))
        #expect(counters.snapshot().failedBatches == nil && counters.snapshot().failures == 1)
    }
}
