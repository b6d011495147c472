import Foundation
import Logging
import Synchronization
import Testing

@testable import PatchbayRuntime

@Suite struct RepeatTests {
    private func suffixes(_ fixture: LogFixture) -> [String] { fixture.lines.map { String($0.dropFirst(25).dropLast()) } }

    @Test func theFirstGoesOutAtOnceAndTheRestAsACountWithTheLastMetadata() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline())
        for offset in 0...37 { logger.warning("rejected", metadata: ["route": "r", "record_offset": "\(offset)"]) }
        #expect(suffixes(fixture) == ["WARNING rejected  record_offset=0 route=r"])
        fixture.advance(.seconds(4))
        #expect(fixture.lines.count == 1)
        fixture.advance(.seconds(1))
        #expect(
            suffixes(fixture).dropFirst() == [
                "WARNING rejected (repeated 37 times in 5 s)  record_offset=37 repeated=37 route=r"
            ])
    }

    @Test func aLineThatGoesOnIsCountedWindowByWindowAndThenForgotten() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline())
        logger.error("e")
        logger.error("e")
        fixture.advance(.seconds(5))
        logger.error("e")
        logger.error("e")
        fixture.advance(.seconds(5))
        #expect(
            suffixes(fixture) == [
                "ERROR e", "ERROR e (repeated once in 5 s)  repeated=1", "ERROR e (repeated 2 times in 5 s)  repeated=2",
            ])
        fixture.advance(.seconds(5))
        #expect(fixture.lines.count == 3)
        // Nothing is watched any more, so no timer runs, and the next one is a first one again.
        #expect(fixture.timers == 0)
        logger.error("e")
        #expect(suffixes(fixture).last == "ERROR e")
        #expect(fixture.timers == 1)
    }

    /// The sum line had the last line's numbers: of "more records rejected" with 40, 50 and 60 records, 110 vanished.
    @Test func whatLinesCountIsAddedUp() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline())
        for count in [30, 40, 50, 60] { logger.warning("more", metadata: ["code": "a", "count": "\(count)", "lag": "\(count)"]) }
        logger.warning("more", metadata: ["code": "b", "count": "7"])
        fixture.advance(.seconds(5))
        #expect(
            suffixes(fixture) == [
                "WARNING more  code=a count=30 lag=30", "WARNING more  code=b count=7",
                "WARNING more (repeated 3 times in 5 s)  code=a count=150 lag=60 repeated=3",
            ])
    }

    @Test func whatDiffersInWhatItIsAboutIsNotTheSame() {
        let fixture = LogFixture()
        let pipeline = fixture.pipeline()
        let logger = fixture.logger(pipeline)
        for key in ["route", "topic", "reason", "code", "a_key_of_tomorrow"] {
            logger.info("m", metadata: [key: "1"])
            logger.info("m", metadata: [key: "2"])
        }
        logger.info("m")
        logger.info("other")
        logger.notice("m")
        Logger(label: "elsewhere") { PatchbayLogHandler(label: $0, level: .info, pipeline: pipeline) }.info("m")
        #expect(fixture.lines.count == 14)
        for key in ["record_offset", "partition", "connection", "count"] { logger.info("m", metadata: [key: "1"]) }
        #expect(fixture.lines.count == 14)
    }

    /// A second file refused within five seconds of the first was counted as a repetition of it, and what was wrong with it
    /// never written; so were clients closed for different limits. Keys that lines are told apart by were listed, and
    /// these were not: now those are listed by which they are not.
    @Test func differentRefusalsAndDifferentLimitsAreAllWritten() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline())
        for finding in ["routes.yaml:3:1: a", "routes.yaml:4:1: b", "routes.yaml:3:1: a"] {
            logger.error("configuration refused", metadata: ["trigger": "request", "findings": "\(finding)"])
        }
        for (generation, change) in [("2", "+ channel a"), ("3", "- channel a")] {
            logger.info("configuration reloaded", metadata: ["generation": "\(generation)", "changes": "\(change)"])
        }
        for (limit, code, connection) in [
            ("requests", "4408", "a"), ("control_frames", "4408", "b"), ("requests", "4409", "c"), ("requests", "4408", "d"),
        ] {
            logger.warning(
                "client hit a limit; closing its connection",
                metadata: ["limit": "\(limit)", "close_code": "\(code)", "connection": "\(connection)"])
        }
        #expect(
            suffixes(fixture) == [
                "ERROR configuration refused  findings=\"routes.yaml:3:1: a\" trigger=request",
                "ERROR configuration refused  findings=\"routes.yaml:4:1: b\" trigger=request",
                "INFO  configuration reloaded  changes=\"+ channel a\" generation=2",
                "INFO  configuration reloaded  changes=\"- channel a\" generation=3",
                "WARNING client hit a limit; closing its connection  close_code=4408 connection=a limit=requests",
                "WARNING client hit a limit; closing its connection  close_code=4408 connection=b limit=control_frames",
                "WARNING client hit a limit; closing its connection  close_code=4409 connection=c limit=requests",
            ])
    }

    @Test func flushWritesWhatIsHeldBackOnce() {
        let fixture = LogFixture()
        let pipeline = fixture.pipeline()
        let logger = fixture.logger(pipeline)
        logger.info("m")
        logger.info("m")
        fixture.advance(.seconds(2))
        pipeline.flush()
        #expect(suffixes(fixture) == ["INFO  m", "INFO  m (repeated once in 2 s)  repeated=1"])
        pipeline.flush()
        fixture.advance(.seconds(10))
        #expect(fixture.lines.count == 2)
    }

    @Test func whoDebugsSeesEachLine() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline())
        for _ in 0..<3 {
            logger.debug("m")
            logger.trace("m")
        }
        #expect(fixture.lines.count == 6)
        #expect(fixture.timers == 0)
    }

    @Test func withoutAWindowNothingIsHeldBack() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline(repeats: RepeatPolicy(window: .zero)))
        for _ in 0..<3 { logger.info("m") }
        #expect(fixture.lines.count == 3)
    }

    @Test func memoryIsBoundedByCapacityAndWeight() {
        var collapser = RepeatCollapser(RepeatPolicy(capacity: 3))
        func line(_ message: String) -> LogLine { LogLine(level: .info, label: "l", message: message, metadata: [:]) }
        let now = ContinuousClock.now
        let admitted = (0..<100).map { collapser.admit(line("\($0)"), at: now) }
        #expect(admitted.allSatisfy { $0 })
        #expect(collapser.watched == 3)
        let again = (collapser.admit(line("0"), at: now), collapser.admit(line("99"), at: now))
        #expect(again == (false, true))
        let large = line(String(repeating: "x", count: RepeatPolicy.maximumWeight + 1))
        _ = collapser.due(at: now + .seconds(5))
        _ = collapser.due(at: now + .seconds(10))
        #expect(collapser.watched == 0)
        #expect(collapser.nextDue == nil)
        let bothTimes = (collapser.admit(large, at: now), collapser.admit(large, at: now))
        #expect(bothTimes == (true, true))
        #expect(collapser.watched == 0)
    }

    @Test func everyLineOfManyThreadsIsWrittenOrCounted() throws {
        let fixture = LogFixture()
        let pipeline = fixture.pipeline(format: .json)
        let logger = fixture.logger(pipeline)
        let (threads, each) = (8, 500)
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            for number in 0..<each {
                logger.info("m", metadata: ["topic": "\(number % 5)", "record_offset": "\(thread)"])
                if number % 100 == 0 { fixture.advance(.seconds(1)) }
            }
        }
        pipeline.flush()
        let objects = try fixture.objects()
        let counted = objects.reduce(0) { $0 + (($1["repeated"] as? Int) ?? 1) }
        #expect(counted == threads * each)
        #expect(objects.count < threads * each / 2)
    }

    @Test func linesThatCouldNotBeWrittenAreCountedAndSaidLater() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline())
        fixture.close(true)
        for number in 0..<3 { logger.info("lost \(number)") }
        fixture.close(false)
        logger.info("back")
        logger.info("and well")
        #expect(
            suffixes(fixture) == [
                "WARNING log lines were dropped: they could not be written  dropped=3", "INFO  back", "INFO  and well",
            ])
    }
}
