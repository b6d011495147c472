import PatchbayAPI
import Testing

@testable import PatchbayCore

/// Chains of transformers, and what becomes of refused records.
@Suite struct ChainTests {
    private func router(_ route: Route) -> RoutingHub { RoutingHub(table: RouteTable(routes: [route]), fanouts: []).holding() }

    @Test func everyStepGetsWhatTheOneBeforeMade() {
        let router = router(.make(steps: [{ Marking("a") }, { MarkTransformer() }, { Marking("b") }, { Marking("c") }]))
        process(["1", "*2", "-3", "4"], topic: "t", with: router.makeProcessor())
        process(["5"], topic: "t", with: router.makeProcessor())
        #expect(router.data(of: "one") == ["1abc", "*2abc", "*2abc", "4abc", "5abc"])
    }

    @Test func recordsRefusedByAnyStepAreCountedOnce() {
        let route = Route.make(
            steps: [{ MarkTransformer() }, { Marking("a", refusing: "x") }, { MarkTransformer() }], tombstones: .reject)
        let router = router(route)
        process(["1", "!2", "x3", "-4", nil], topic: "t", with: router.makeProcessor())
        #expect(router.data(of: "one") == ["1a"])
        let figures = route.counters.snapshot
        #expect(figures.recordsIn == 5 && figures.routed == 1 && figures.filtered == 1)
        #expect(figures.rejected == ["invalid_value": 1, "refused": 1, "tombstone": 1])
    }

    /// Counts records, and says how many there were since it was last told of time.
    private final class Counting: Transformer {
        private let interval: Duration
        private var count = 0
        private(set) var last: Int64 = 0

        init(every interval: Duration) { self.interval = interval }

        var tickInterval: Duration? { interval }

        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
            for record in batch.records {
                count += 1
                output.filter(record, because: FilterReason(option: "every", explanation: "it is counted"))
            }
        }

        func tick(nowMilliseconds: Int64, into output: EnvelopeWriter) {
            guard count > 0 else { return }
            Array("\(count)".utf8).withUnsafeBytes { output.emit(.none, data: $0) }
            count = 0
        }
    }

    @Test func aStepThatIsToldOfTimeEmitsWithoutARecord() {
        let route = Route.make(steps: [{ MarkTransformer() }, { Counting(every: .zero) }, { Marking("!") }])
        let router = router(route)
        let processor = router.makeProcessor()
        #expect(!processor.wantsTicks)
        process(["1", "-2", "3"], topic: "t", with: processor)
        #expect(processor.wantsTicks)
        processor.finishPoll()
        process(["4"], topic: "t", with: processor)
        // Nothing came since, and a poll that brought nothing is told of time all the same.
        processor.finishPoll()
        processor.finishPoll()
        #expect(router.data(of: "one") == ["2!", "1!"])
        let figures = route.counters.snapshot
        #expect(figures.recordsIn == 4 && figures.filtered == 4 && figures.routed == 0 && figures.envelopes == 2)
    }

    @Test func timeIsToldAtTheIntervalThatAStepWants() {
        let route = Route.make(steps: [{ Counting(every: .milliseconds(100)) }])
        let chain = TransformChain(route, monotonicMilliseconds: 1_000)
        final class Sink: EnvelopeSink {
            var emitted: [String] = []
            func emit(_ record: Record, data: UnsafeRawBufferPointer) { emitted.append(String(decoding: data, as: UTF8.self)) }
            func reject(_ record: Record, _ rejection: Rejection) {}
            func filter(_ record: Record, because reason: FilterReason) {}
        }
        let sink = Sink()
        for time in stride(from: Int64(1_000), through: 1_300, by: 10) {
            Array("x".utf8).withUnsafeBytes { value in
                let record = Record(partition: 0, recordOffset: time, timestampMilliseconds: 0, key: nil, value: value)
                withUnsafePointer(to: record) {
                    chain.run(
                        RecordBatch(topic: "t", records: UnsafeBufferPointer(start: $0, count: 1)),
                        BatchTime(wall: 0, monotonic: time), into: sink)
                }
            }
            chain.tick(BatchTime(wall: 0, monotonic: time), into: sink)
        }
        #expect(sink.emitted == ["11", "10", "10"])
    }

    @Test func routesThatAReloadTakesAwayAreToldOfTimeNoMore() {
        let route = Route.make(steps: [{ Counting(every: .zero) }])
        let hub = RoutingHub(table: RouteTable(routes: [route]), fanouts: [])
        let processor = hub.makeProcessor()
        process(["1"], topic: "t", with: processor)
        hub.replace(with: RouteTable(routes: [.make("other")]), reason: "gone")
        processor.finishPoll()
        #expect(!processor.wantsTicks)
    }

    /// A plugin's reason is no literal.
    @Test func aReasonMayBeBorrowedText() {
        let words = Array("its colour is".utf8)
        words.withUnsafeBytes { bytes in
            let reason = FilterReason(option: BorrowedText(bytes), explanation: "é", value: nil)
            #expect(reason.option.string == "its colour is" && reason.explanation.string == "é")
        }
        #expect(("x" as BorrowedText).string == "x" && ("" as BorrowedText).string.isEmpty)
    }

    @Test func aChainThatFiltersEverythingRunsNoFurther() {
        let route = Route.make(steps: [{ MarkTransformer() }, { Marking("a") }, { Marking("b") }])
        let router = router(route)
        process(["-1", "-2"], topic: "t", with: router.makeProcessor())
        #expect(router.data(of: "one").isEmpty)
        #expect(route.counters.snapshot.filtered == 2)
    }

    @Test func deadLettersCarryTheRecordAsItCameFromKafka() {
        let route = Route.make(
            steps: [{ Marking("a") }, { Marking("b", refusing: "x") }], onError: .deadLetter(topic: "dead"), tombstones: .reject)
        let router = router(route)
        let letters = FakeDeadLetters()
        let processor = router.makeProcessor(deadLetters: letters)
        process(["1", "x2", "3", nil], topic: "t", with: processor, from: 7)
        #expect(
            letters.letters == [
                .init(value: nil, topic: "dead", offset: 10, code: "tombstone"),
                .init(value: "x2", topic: "dead", offset: 8, code: "refused"),
            ])
        #expect(router.data(of: "one") == ["1ab", "3ab"])
        #expect(route.counters.snapshot.deadLettered == 2)
        process(["4"], topic: "t", with: processor)
        letters.fate = .lost
        process(["x5"], topic: "t", with: processor)
        #expect(route.counters.snapshot.deadLettered == 2 && router.deadLettersLost == 1)
    }

    /// Letters were counted when they were queued, and what the brokers said was a sum read later: a refusal that came
    /// before that counted as written, and letters still queued counted as lost once for every batch behind them. Each
    /// letter's own report decides, whenever it comes, and until then its topic must not be committed.
    @Test func eachLetterIsCountedOnceByItsOwnReportHoweverLateItComes() {
        let route = Route.make(steps: [{ Marking("a", refusing: "x") }], onError: .deadLetter(topic: "dead"))
        let router = router(route)
        let letters = FakeDeadLetters()
        let processor = router.makeProcessor(deadLetters: letters)
        func counts() -> [Int64] {
            [route.counters.snapshot.deadLettered, router.deadLettersLost, router.deadLettersWaiting]
        }
        letters.fate = .lost
        process(["x1"], topic: "t", with: processor)
        #expect(counts() == [0, 1, 0] && !processor.hasPending("t"))
        // The writer has to tell what was lost, though nothing is under way.
        #expect(letters.tended == 1)

        letters.fate = nil
        process(["x2", "3", "x4"], topic: "t", with: processor)
        process(["x5"], topic: "t", with: processor)
        #expect(counts() == [0, 1, 3] && processor.hasPending("t") && !processor.hasPending("other"))
        #expect(processor.pendingReason("t")?.hasPrefix("3 refused records not accepted by the dead-letter topic dead for ") == true)
        #expect(processor.pendingReason("t")?.hasSuffix(": no broker") == true)
        #expect(processor.lowestPendingOffsets("t") == [0: 0] && !processor.wantsPause("t"))
        // What is read meanwhile decides nothing about them.
        process(["6"], topic: "t", with: processor)
        #expect(counts() == [0, 1, 3])
        letters.decide(.written)
        #expect(counts() == [1, 1, 2] && processor.hasPending("t"))
        letters.decide(.lost)
        #expect(counts() == [1, 2, 1] && processor.hasPending("t"))
        // Nothing is lost of a letter that is withdrawn: its record comes again.
        letters.decide(.withdrawn)
        #expect(counts() == [1, 2, 0] && !processor.hasPending("t"))
        #expect(processor.pendingReason("t") == nil)
        #expect(route.counters.snapshot.rejected == ["refused": 4])
    }

    /// Channels of a template were made for the whole batch, though nothing behind the refused record was delivered: a
    /// halted route could use up its `max_channels` with channels that never had a message.
    @Test func aRouteThatStopsMakesNoChannelsForWhatComesBehind() {
        let stops = Route.make("stops", steps: [{ Marking("s", refusing: "x") }], channels: ["k.{@key}"], onError: .stop)
        let router = RoutingHub(table: RouteTable(routes: [stops]), fanouts: [])
        let processor = router.makeProcessor()
        #expect(process(["x1", "2"], topic: "t", with: processor, key: "a") == 0)
        #expect(router.log(ofChannel: "k.a") == nil)
        #expect(process(["1", "x2"], topic: "t", with: processor, key: "b") == 1)
        #expect(router.log(ofChannel: "k.b") != nil)
    }

    @Test func aRouteThatStopsTakesNothingFromTheRefusedRecordOn() {
        let stops = Route.make("stops", steps: [{ Marking("s", refusing: "x") }], channels: ["s"], onError: .stop)
        let alsoStops = Route.make("also", steps: [{ Marking("a") }], channels: ["a"], onError: .stop)
        let other = Route.make("other", channels: ["o"])
        let router = RoutingHub(table: RouteTable(routes: [other, alsoStops, stops]), fanouts: []).holding()
        let processor = router.makeProcessor()
        #expect(process(["1", "2", "x3", "4"], topic: "t", with: processor, from: 10) == 2)
        #expect(router.data(of: "s") == ["1s", "2s"])
        #expect(router.data(of: "a") == ["1a", "2a"])
        #expect(router.data(of: "o") == ["1", "2"])
        #expect(stops.counters.halt?.recordOffset == 12)
        #expect(stops.counters.snapshot.recordsIn == 2)
        // The same again, until the file says otherwise.
        #expect(process(["x3", "4"], topic: "t", with: processor, from: 12) == 0)
        let lenient = Route.make(
            "stops", steps: [{ Marking("s", refusing: "x") }], channels: ["s"], counters: stops.counters)
        router.replace(with: RouteTable(routes: [other, alsoStops, lenient]), reason: "")
        #expect(stops.counters.halt == nil)
        #expect(process(["x3", "4"], topic: "t", with: processor, from: 12) == 2)
        #expect(router.data(of: "s") == ["1s", "2s", "4s"])
        #expect(router.data(of: "a") == ["1a", "2a", "x3a", "4a"])
        #expect(router.data(of: "o") == ["1", "2", "x3", "4"])
    }

    /// One such route made its whole topic go record by record, for all routes: every record cost what a batch costs.
    @Test func aRouteThatStopsTakesWholeBatches() {
        final class Batches: Transformer {
            let sizes: Collected<Int>
            init(_ sizes: Collected<Int>) { self.sizes = sizes }
            func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
                sizes.add(batch.records.count)
                for record in batch.records { output.emit(record) }
            }
        }
        let sizes = Collected<Int>()
        let stops = Route.make("stops", steps: [{ Batches(sizes) }, { Marking("", refusing: "x") }], onError: .stop)
        let other = Route.make("other", steps: [{ Batches(sizes) }], channels: ["o"])
        let router = RoutingHub(table: RouteTable(routes: [other, stops]), fanouts: []).holding()
        let processor = router.makeProcessor()
        #expect(process((0..<50).map(String.init), topic: "t", with: processor) == 50)
        #expect(sizes.all == [50, 50])
        #expect(process((0..<50).map { $0 == 30 ? "x" : "\($0)" }, topic: "t", with: processor, from: 50) == 30)
        #expect(sizes.all == [50, 50, 50, 30, 30])
        #expect(router.data(of: "one").count == 80 && router.data(of: "o").count == 80)
        #expect(stops.counters.snapshot.rejected == ["refused": 1])
    }

    /// A step sees the whole batch before the next one does: what is refused first need not come first.
    @Test func aRouteStopsAtTheFirstRecordOfTheBatchThatAnyStepRefuses() {
        let collected = Collected<RejectedRecord>()
        let stops = Route.make(
            "stops", steps: [{ Marking("", refusing: "late") }, { Marking("", refusing: "early") }], onError: .stop)
        let also = Route.make("also", steps: [{ Marking("", refusing: "first") }], channels: ["a"], onError: .stop)
        let router = RoutingHub(
            table: RouteTable(routes: [also, stops]), fanouts: [], observe: { collected.add($0) }
        ).holding()
        let processor = router.makeProcessor()
        #expect(process(["1", "early", "2", "late"], topic: "t", with: processor, from: 5) == 1)
        #expect(stops.counters.halt?.recordOffset == 6 && also.counters.halt == nil)
        #expect(collected.all.map(\.recordOffset) == [6])
        #expect(router.data(of: "one") == ["1"] && router.data(of: "a") == ["1"])
        // Nothing but that record was counted.
        #expect(stops.counters.snapshot.rejected == ["refused": 1])
        #expect(process(["first", nil], topic: "t", with: processor, from: 20) == 0)
        #expect(also.counters.halt?.recordOffset == 20)
    }

    @Test func patternsTakeTheTopicsTheyMatch() throws {
        let pattern = TopicSelector.pattern(try TopicPattern("^metrics\\..*"))
        let route = Route.make(topics: [.name("exact"), pattern, .name("metrics.cpu")])
        let router = router(route)
        let processor = router.makeProcessor()
        for topic in ["metrics.cpu", "exact", "metrics.disk"] { #expect(process(["1"], topic: topic, with: processor) == 1) }
        for topic in ["metric", "xmetrics.cpu"] { #expect(process(["1"], topic: topic, with: processor) == 0) }
        #expect(router.data(of: "one").count == 3)
        #expect(router.table.topics(ofCluster: "default") == ["exact", "^metrics\\..*", "metrics.cpu"])
        #expect(router.table.topics(ofCluster: "other").isEmpty)
    }

    /// Clusters whose names only looked alike got each other's records by a pattern.
    @Test func patternsTakeNoTopicOfAClusterThatOnlyLooksAlike() throws {
        let route = Route.make(cluster: "caf\u{E9}", topics: [.pattern(try TopicPattern("^t"))])
        let table = RouteTable(routes: [route])
        #expect(table.routes(ofTopic: "t", cluster: "caf\u{E9}").count == 1)
        #expect(table.routes(ofTopic: "t", cluster: "cafe\u{301}").isEmpty)
        #expect(table.topics(ofCluster: "cafe\u{301}").isEmpty)
    }

    @Test func aBrokenPatternSaysWhy() {
        #expect(throws: TopicPattern.Invalid.self) { try TopicPattern("^metrics(") }
        #expect(throws: TopicPattern.Invalid.self) { try TopicPattern("metrics") }
    }

    @Test func aTrialShowsEveryStep() {
        let route = Route.make(
            steps: [{ Marking("a") }, { Marking("b", refusing: "x") }], type: "kind", channels: ["one", "k.{@key}"],
            tombstones: .reject)
        let trial = RouteTrial(route: route, maxRecord: 10)
        let good = trial.run(SampledRecord(key: Array("K".utf8), value: Array("1".utf8)), topic: "t")
        #expect(good.steps.map(\.outcome) == [.outputs([Array("1a".utf8)]), .outputs([Array("1ab".utf8)])])
        #expect(good.steps.map { String(decoding: $0.input ?? [], as: UTF8.self) } == ["1", "1a"])
        #expect(good.envelopes.map(\.channel) == ["one", "k.K"])
        #expect(good.envelopes.allSatisfy { $0.type == "kind" && $0.data == Array("1ab".utf8) })
        let bad = trial.run(SampledRecord(key: nil, value: Array("x".utf8)), topic: "t")
        #expect(bad.rejections.map(\.code) == ["refused"] && bad.envelopes.isEmpty && bad.steps.count == 2)
        #expect(trial.run(SampledRecord(key: nil, value: nil), topic: "t").rejections.map(\.code) == ["tombstone"])
        let large = SampledRecord(key: nil, value: Array(repeating: 0, count: 11))
        #expect(trial.run(large, topic: "t").rejections.map(\.code) == ["too_large"])
    }
}
