import PatchbaySettings
import Synchronization
import TestSupport
import Testing

@testable import PatchbayRuntime

@Suite struct AlertBoardTests {
    @Test func showsWhatHoldsAndLogsStartAndEnd() throws {
        let log = CapturedLog()
        let board = AlertBoard(logger: log.logger)
        var fixture = MonitorFixture(.with(lagFor: .zero, settling: .zero))
        board.take(fixture.events(.make(topic: "b", lag: 2000)))
        board.take(fixture.events(.make(topic: "a", lag: 5000, assigned: 1), .make(topic: "b", lag: 3000)))
        #expect(board.active.map(\.topic) == ["b", "a", "a"])
        #expect(
            board.reasons.first == "topic b on cluster main lags behind by more than its threshold of 1000 records, "
                + "since 2026-01-31T12:00:00.000Z")
        #expect(board.reasons.last?.contains("reads 1 of 3 partitions of topic a") == true)
        board.take(fixture.events(.make(topic: "a", assigned: 3), .make(topic: "b", lag: 10)))
        #expect(board.active.isEmpty)
        #expect(board.started(.lag) == 2)
        #expect(board.started(.partialAssignment) == 1)
        #expect(
            log.lines == [
                "warning alert started alert=lag cluster=main lag=2000 since=2026-01-31T12:00:00.000Z threshold=1000 topic=b",
                "warning alert started alert=lag cluster=main lag=5000 since=2026-01-31T12:00:01.000Z threshold=1000 topic=a",
                "warning alert started alert=partial_assignment cluster=main partitions_assigned=1 partitions_total=3 "
                    + "since=2026-01-31T12:00:01.000Z topic=a",
                "notice alert ended alert=lag cluster=main duration_s=1 lag=0 peak_lag=5000 "
                    + "since=2026-01-31T12:00:01.000Z threshold=1000 topic=a",
                "notice alert ended alert=partial_assignment cluster=main duration_s=1 partitions_assigned=3 "
                    + "partitions_total=3 since=2026-01-31T12:00:01.000Z topic=a",
                "notice alert ended alert=lag cluster=main duration_s=2 lag=10 peak_lag=3000 "
                    + "since=2026-01-31T12:00:00.000Z threshold=1000 topic=b",
            ])
    }

    @Test func theLoopMeasuresEverySecondUntilItIsCancelled() async throws {
        struct State {
            var now = ContinuousClock.now
            var slept: [Duration] = []
            var lags: [Int64?] = [500, 2000, 2000, nil, 100]
        }
        let state = Mutex(State())
        let clock = AlertClock(
            now: { state.withLock { $0.now } }, wallMilliseconds: { 0 },
            sleep: { interval in
                let isOver = state.withLock { state in
                    state.now += interval
                    state.slept.append(interval)
                    return state.lags.isEmpty
                }
                // Nothing left to measure: sleeps until cancelled.
                if isOver { try await Task.sleep(for: .seconds(3600)) }
            })
        let log = CapturedLog()
        let board = AlertBoard(logger: log.logger)
        let loop = AlertLoop(
            settings: .with(lagFor: .seconds(1)), board: board, clock: clock,
            measure: { [.make(lag: state.withLock { $0.lags.isEmpty ? 0 : $0.lags.removeFirst() })] })
        let task = Task { await loop.run() }
        try await eventually("the alert has started and ended") { log.lines.count == 2 }
        task.cancel()
        await task.value
        #expect(board.started(.lag) == 1)
        #expect(board.active.isEmpty)
        #expect(state.withLock { $0.slept } == Array(repeating: .seconds(1), count: 5))
    }
}
