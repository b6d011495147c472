import PatchbayAPI
import Testing

@testable import PatchbayCore

/// Holds every record until it is told of time, or to flush; then emits them in order.
final class Keeping: Transformer {
    private var kept: [(held: HeldRecord, key: [UInt8]?, value: [UInt8])] = []
    private let isObedient: Bool
    let tickInterval: Duration?

    /// - Parameter isObedient: whether it gives out what it holds when it is told to.
    init(every interval: Duration? = .zero, isObedient: Bool = true) {
        tickInterval = interval
        self.isObedient = isObedient
    }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records {
            guard let value = record.value else { continue }
            kept.append((output.hold(record), record.key.map { Array($0) }, Array(value)))
        }
    }

    func tick(nowMilliseconds: Int64, into output: EnvelopeWriter) { giveOut(into: output) }

    func flush(into output: EnvelopeWriter) { if isObedient { giveOut(into: output) } }

    private func giveOut(into output: EnvelopeWriter) {
        for item in kept {
            item.value.withUnsafeBytes { value in
                func emit(_ key: UnsafeRawBufferPointer?) {
                    output.emit(Record(held: item.held, timestampMilliseconds: 1, key: key, value: value))
                }
                if let key = item.key { key.withUnsafeBytes { emit($0) } } else { emit(nil) }
            }
            output.release(item.held)
        }
        kept.removeAll()
    }
}

/// Records that steps hold for later, and the offsets that must not be stored meanwhile.
@Suite struct HoldingTests {
    private func hub(_ routes: [Route]) -> RoutingHub { RoutingHub(table: RouteTable(routes: routes), fanouts: []).holding() }

    // MARK: The offsets

    @Test func theLowestOffsetIsThatOfTheFirstRecordNotReleased() {
        var held = HeldOffsets()
        var model: [HeldRecord: Int] = [:]
        var generator = Generator(state: 7)
        for step in 0..<20_000 {
            let isHolding = model.count < 40 ? generator.next() % 3 > 0 : generator.next() % 3 == 0
            if isHolding {
                // Mostly in order, with holes; now and then an earlier one, as when offsets begin again, or one that is held.
                let place = step / 3 * Int(1 + generator.next() % 40)
                let record = HeldRecord(
                    topic: Int32(generator.next() % 2), partition: Int32(generator.next() % 3),
                    recordOffset: generator.next() % 20 == 0 ? Int64(generator.next() % 50) : Int64(place))
                held.hold(record, bytes: 10, at: 0)
                model[record, default: 0] += 1
            } else if let record = model.keys.sorted(by: {
                ($0.topic, $0.partition, $0.recordOffset) < ($1.topic, $1.partition, $1.recordOffset)
            })
            .dropFirst(Int(generator.next() % UInt64(max(1, model.count)))).first {
                held.release(record)
                model[record] = (model[record] ?? 0) > 1 ? (model[record] ?? 0) - 1 : nil
            }
            // One that isn't held changes nothing.
            held.release(HeldRecord(topic: 9, partition: 0, recordOffset: 1))
            held.release(HeldRecord(topic: 0, partition: 0, recordOffset: Int64.max))
            guard step % 10 == 0 else { continue }
            #expect(held.count == model.count && held.bytes == model.count * 10)
            for topic: Int32 in 0...1 {
                var lowest: [Int32: Int64] = [:]
                held.lowest(ofTopic: topic) { lowest[$0] = $1 }
                let wanted = Dictionary(grouping: model.keys.filter { $0.topic == topic }, by: \.partition)
                    .compactMapValues { $0.map(\.recordOffset).min() }
                #expect(lowest == wanted && held.holds(topic: topic) == !wanted.isEmpty)
            }
        }
    }

    private struct Generator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }

    @Test func itIsToldWhatExceedsABound() {
        var held = HeldOffsets()
        func place(_ offset: Int64) -> HeldRecord { HeldRecord(topic: 0, partition: 0, recordOffset: offset) }
        let limits = HeldOffsets.Limits(records: 2, bytes: 100, milliseconds: 50)
        #expect(!held.exceeds(limits, at: 1_000))
        held.hold(place(1), bytes: 40, at: 10)
        held.hold(place(2), bytes: 60, at: 20)
        #expect(!held.exceeds(limits, at: 60) && held.exceeds(limits, at: 61))
        held.hold(place(3), bytes: 0, at: 20)
        #expect(held.exceeds(limits, at: 20))
        held.release(place(1))
        held.hold(place(200), bytes: 1_000, at: 20)
        #expect(held.exceeds(limits, at: 20))
        #expect(held.removeAll(topic: 0, partition: 1) == 0 && held.removeAll() == 3 && held.count == 0 && held.bytes == 0)
    }

    // MARK: Routes

    @Test func aHeldRecordKeepsItsOffsetFromBeingStoredUntilItIsHandedOn() {
        let route = Route.make(steps: [{ Marking("a") }, { Keeping() }, { Marking("b", refusing: "x") }], holdsRecords: true)
        let hub = hub([route])
        let processor = hub.makeProcessor()
        run(["1", "x2"], at: 5, with: processor)
        #expect(hub.data(of: "one").isEmpty && processor.hasPending("t") && !processor.hasPending("other"))
        #expect(processor.lowestPendingOffsets("t") == [0: 5] && processor.lowestPendingOffsets("other").isEmpty)
        #expect(!processor.wantsPause("t") && processor.wantsTicks)
        var figures = route.counters.snapshot
        #expect(figures.recordsIn == 2 && figures.held == 2 && figures.routed == 0 && figures.filtered == 0)
        processor.finishPoll()
        #expect(hub.data(of: "one") == ["1ab"] && !processor.hasPending("t"))
        figures = route.counters.snapshot
        #expect(figures.held == 0 && figures.routed == 1 && figures.filtered == 0 && figures.rejected == ["refused": 1])
    }

    /// Two steps that hold: what the first gives out is held by the second, with nothing in between.
    @Test func stepsHoldOneAfterTheOther() {
        let route = Route.make(steps: [{ Keeping() }, { Keeping(every: nil) }, { Marking("b") }], holdsRecords: true)
        let hub = hub([route])
        let processor = hub.makeProcessor()
        run(["1", "2"], at: 0, with: processor)
        processor.finishPoll()
        #expect(processor.lowestPendingOffsets("t") == [0: 0] && route.counters.snapshot.held == 2 && hub.data(of: "one").isEmpty)
        processor.flush()
        #expect(hub.data(of: "one") == ["1b", "2b"] && !processor.hasPending("t"))
        #expect(route.counters.snapshot.routed == 2 && route.counters.snapshot.filtered == 0)
    }

    @Test func aRecordIsOfItsOwnTopicHoweverLateItIsHandedOn() throws {
        let route = Route.make(
            topics: [.name("t"), .name("u")], steps: [{ Keeping() }, { Marking("", refusing: "x") }],
            channels: ["one", "by.{@topic}.{@key}"],
            onError: .deadLetter(topic: "dead"), holdsRecords: true)
        let hub = hub([route])
        let letters = FakeDeadLetters()
        let processor = hub.makeProcessor(deadLetters: letters)
        run(["1"], topic: "t", at: 3, key: "k", with: processor)
        run(["2", "x"], topic: "u", at: 9, key: "k", with: processor)
        #expect(processor.lowestPendingOffsets("t") == [0: 3] && processor.lowestPendingOffsets("u") == [0: 9])
        letters.fate = nil
        processor.finishPoll()
        #expect(hub.log(ofChannel: "by.t.k")?.figures.messages == 1 && hub.log(ofChannel: "by.u.k")?.figures.messages == 1)
        // Now the dead letter keeps the offset from being stored, in the same way.
        #expect(letters.letters == [.init(value: "x", topic: "dead", offset: 10, code: "refused")])
        #expect(!processor.hasPending("t") && processor.lowestPendingOffsets("u") == [0: 10])
        letters.decide(.written)
        #expect(!processor.hasPending("u"))
    }

    @Test func aReloadThatTakesTheRouteAwayHandsOutWhatItHolds() {
        let route = Route.make(steps: [{ Keeping() }], holdsRecords: true)
        let hub = hub([route])
        let processor = hub.makeProcessor()
        run(["1", "2"], at: 0, with: processor)
        hub.replace(with: RouteTable(routes: [.make(steps: [{ Marking("!") }], counters: route.counters)]), reason: "")
        #expect(processor.hasPending("t"))
        // With the next batch, and before it.
        run(["3"], at: 2, with: processor)
        processor.finishPoll()
        #expect(hub.data(of: "one") == ["1", "2", "3!"] && !processor.hasPending("t") && !processor.wantsTicks)
        #expect(route.counters.snapshot.routed == 3 && route.counters.snapshot.held == 0)
    }

    /// Also when no batch comes any more.
    @Test func aReloadIsTakenUpByTimeAsWell() {
        let hub = hub([.make(steps: [{ Keeping(every: nil) }], holdsRecords: true), .make("other", channels: ["o"])])
        let processor = hub.makeProcessor()
        run(["1"], at: 0, with: processor)
        hub.replace(with: RouteTable(routes: [.make("new")]), reason: "")
        processor.finishPoll()
        #expect(hub.data(of: "one") == ["1"] && !processor.hasPending("t"))
    }

    @Test func whatAStepNeverGivesOutIsCountedAndHoldsNothingBackForEver() {
        let route = Route.make(steps: [{ Keeping(every: nil, isObedient: false) }], holdsRecords: true)
        let hub = hub([route])
        let processor = hub.makeProcessor()
        run(["1", "2"], at: 0, with: processor)
        // Before a commit: the records come again, to the member that gets the partition.
        processor.flush()
        #expect(processor.lowestPendingOffsets("t") == [0: 0])
        processor.gaveUp("t", partition: 1)
        #expect(processor.hasPending("t"))
        processor.gaveUp("t", partition: 0)
        #expect(!processor.hasPending("t") && route.counters.snapshot.held == 0 && route.counters.snapshot.abandoned == 0)
        run(["3"], at: 2, with: processor)
        hub.replace(with: RouteTable(routes: [.make("new")]), reason: "")
        processor.finishPoll()
        let figures = route.counters.snapshot
        #expect(figures.abandoned == 1 && figures.held == 0 && figures.filtered == 0 && !processor.hasPending("t"))
    }

    @Test func whatIsHeldHasABound() {
        let collected = Collected<String>()
        final class Sink: EnvelopeSink {
            let collected: Collected<String>
            var chain: TransformChain?
            init(_ collected: Collected<String>) { self.collected = collected }
            func emit(_ record: Record, data: UnsafeRawBufferPointer) { collected.add(String(decoding: data, as: UTF8.self)) }
            func reject(_ record: Record, _ rejection: Rejection) {}
            func filter(_ record: Record, because reason: FilterReason) {}
            func hold(_ record: Record) -> HeldRecord {
                chain?.hold(record) ?? HeldRecord(topic: 0, partition: 0, recordOffset: 0)
            }
            func release(_ held: HeldRecord) { chain?.release(held) }
        }
        let limits = HeldOffsets.Limits(records: 3, bytes: 1_000, milliseconds: 100)
        for (obedient, emitted, abandoned) in [(true, 4, 0), (false, 0, 4)] {
            let route = Route.make(steps: [{ Keeping(every: nil, isObedient: obedient) }], holdsRecords: true)
            let chain = TransformChain(route, limits: limits, monotonicMilliseconds: 0)
            let sink = Sink(collected)
            sink.chain = chain
            defer { sink.chain = nil }
            let before = collected.all.count
            func run(_ count: Int, from offset: Int64, at now: Int64) {
                Array("x".utf8).withUnsafeBytes { value in
                    let records = (0..<count).map {
                        Record(partition: 0, recordOffset: offset + Int64($0), timestampMilliseconds: 0, key: nil, value: value)
                    }
                    records.withUnsafeBufferPointer {
                        chain.run(RecordBatch(topic: "t", records: $0), BatchTime(wall: 0, monotonic: now), into: sink)
                    }
                }
            }
            run(3, from: 0, at: 10)
            #expect(chain.heldCount == 3)
            run(1, from: 3, at: 20)
            #expect(chain.heldCount == 0 && collected.all.count - before == emitted && chain.takeAbandoned() == abandoned)
            // And for no longer than it may.
            run(1, from: 4, at: 30)
            chain.tick(BatchTime(wall: 0, monotonic: 130), into: sink)
            #expect(chain.heldCount == 1)
            chain.tick(BatchTime(wall: 0, monotonic: 131), into: sink)
            #expect(chain.heldCount == 0)
        }
    }

    @Test func aTrialWaitsForWhatIsHeld() {
        let route = Route.make(steps: [{ Keeping() }, { Marking("b") }], holdsRecords: true)
        let result = RouteTrial(route: route, maxRecord: 10).run(SampledRecord(key: nil, value: Array("1".utf8)), topic: "t")
        #expect(result.steps.map(\.isHeld) == [true, false] && result.envelopes.map(\.dataText) == ["1b"])
    }

    /// Several records of one partition, without `finishPoll`.
    private func run(
        _ values: [String], topic: String = "t", partition: Int32 = 0, at offset: Int64, key: String? = nil,
        with processor: any RecordProcessor
    ) {
        HeldModel.run(values, topic: topic, partition: partition, at: offset, key: key, with: processor)
    }
}

/// Every order of batches, ticks, reloads, rebalances, stops and crashes, up to a length: no offset may be stored while something that
/// wasn't handed out depends on its record, nothing may be lost, and nothing may be handed out twice in a life of the process.
@Suite struct HeldModel {
    enum Step: CaseIterable { case batch, tick, reload, revoke, stop, crash }

    private static let length = 5

    @Test(arguments: Step.allCases)
    func everyOrder(_ first: Step) {
        var orders: [[Step]] = [[first]]
        for _ in 1..<Self.length { orders = orders.flatMap { order in Step.allCases.map { order + [$0] } } }
        for order in orders {
            var run = Run()
            for step in order { run.take(step) }
            run.finish()
            guard run.faults.isEmpty else {
                Issue.record("\(order): \(run.faults)")
                return
            }
        }
    }

    /// A consumer as far as it matters here: positions, and commits as early as they may be.
    private struct Run {
        private static let partitions: [Int32] = [0, 1]
        private static let perBatch: Int64 = 2

        private let hub = RoutingHub(table: RouteTable(routes: [Run.route(RouteCounters())]), fanouts: []).holding()
        private var processor: any RecordProcessor
        private var position: [Int32: Int64] = [0: 0, 1: 0]
        private var committed: [Int32: Int64] = [0: 0, 1: 0]
        /// Messages of former lives.
        private var livesBefore = 0
        var faults: [String] = []

        /// Two steps, of which the second holds what the first gives out.
        private static func route(_ counters: RouteCounters) -> Route {
            Route.make(steps: [{ Keeping() }, { Marking("") }, { Keeping() }], holdsRecords: true, counters: counters)
        }

        init() { processor = hub.makeProcessor() }

        mutating func take(_ step: Step) {
            switch step {
            case .batch: batch()
            case .tick: processor.finishPoll()
            case .reload: hub.replace(with: RouteTable(routes: [Self.route(hub.table.routes[0].counters)]), reason: "")
            case .revoke:
                processor.flush()
                commit()
                // It comes back, and is read from where it was committed.
                processor.gaveUp("t", partition: 1)
                position[1] = committed[1]
            case .stop:
                stop()
                begin()
            case .crash: begin()
            }
            commit()
        }

        mutating func finish() {
            // Until all that was ever read has been read again.
            let goal = highest
            repeat { batch() } while goal.contains { position[$0.key] ?? 0 < $0.value }
            stop()
            begin()
            if processor.hasPending("t") || position != highest { faults.append("\(position) of \(highest) after a stop") }
            let emitted = Set(hub.data(of: "one"))
            for partition in Self.partitions {
                for offset in 0..<(highest[partition] ?? 0) where !emitted.contains("\(partition)-\(offset)") {
                    faults.append("\(partition)-\(offset) is lost")
                }
            }
        }

        private var highest: [Int32: Int64] = [0: 0, 1: 0]

        private mutating func batch() {
            for partition in Self.partitions {
                let from = position[partition] ?? 0
                let values = (from..<from + Self.perBatch).map { "\(partition)-\($0)" }
                HeldModel.run(values, topic: "t", partition: partition, at: from, key: nil, with: processor)
                position[partition] = from + Self.perBatch
                highest[partition] = max(highest[partition] ?? 0, from + Self.perBatch)
            }
        }

        private mutating func stop() {
            processor.flush()
            processor.finishPoll()
            commit()
            if committed != position { faults.append("a stop commits \(committed) of \(position)") }
        }

        /// What a commit may store now; and whether all before it was handed out.
        private mutating func commit() {
            let held = processor.hasPending("t") ? processor.lowestPendingOffsets("t") : [:]
            let life = hub.data(of: "one").dropFirst(livesBefore)
            if Set(life).count != life.count { faults.append("twice in one life: \(life)") }
            for partition in Self.partitions {
                let own = life.filter { $0.hasPrefix("\(partition)-") }.compactMap { Int64($0.dropFirst(2)) }
                if own != own.sorted() { faults.append("out of order: \(own)") }
            }
            let emitted = Set(hub.data(of: "one"))
            for partition in Self.partitions {
                let storable = min(position[partition] ?? 0, held[partition] ?? .max)
                for offset in 0..<storable where !emitted.contains("\(partition)-\(offset)") {
                    faults.append("\(storable) of partition \(partition) may be stored, and \(offset) was not handed out")
                }
                if held[partition] == nil, storable != position[partition] { faults.append("nothing is held, and not all may be stored") }
                committed[partition] = max(committed[partition] ?? 0, storable)
            }
        }

        /// A new process.
        private mutating func begin() {
            processor = hub.makeProcessor()
            position = committed
            livesBefore = hub.data(of: "one").count
        }
    }

    /// Several records of one partition, without `finishPoll`.
    static func run(
        _ values: [String], topic: String, partition: Int32, at offset: Int64, key: String?, with processor: any RecordProcessor
    ) {
        let bytes = values.map { Array($0.utf8) }
        let keyBytes = key.map { Array($0.utf8) }
        func lend(_ index: Int, _ records: [Record], _ key: UnsafeRawBufferPointer?) {
            guard index < bytes.count else {
                records.withUnsafeBufferPointer { _ = processor.process(RecordBatch(topic: topic, records: $0)) }
                return
            }
            bytes[index].withUnsafeBytes { value in
                let record = Record(
                    partition: partition, recordOffset: offset + Int64(index), timestampMilliseconds: 0, key: key, value: value)
                lend(index + 1, records + [record], key)
            }
        }
        if let keyBytes { keyBytes.withUnsafeBytes { lend(0, [], $0) } } else { lend(0, [], nil) }
    }
}
