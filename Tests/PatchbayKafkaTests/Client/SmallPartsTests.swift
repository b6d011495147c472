import Logging
import PatchbayAPI
import Testing

@testable import PatchbayKafka

@Suite("Small parts")
struct SmallPartsTests {
    @Test("A rate limit lets one through per interval and counts the rest")
    func rateLimit() {
        var limit = OncePerInterval(every: .seconds(1))
        let start = ContinuousClock.now
        let admitted = [0, 10, 999, 1_000, 2_000].map { limit.admit(at: start + .milliseconds($0)) }
        #expect(admitted == [0, nil, nil, 2, 0])
    }

    @Test("Losing all brokers is news once, coming back tells how long it took")
    func reachability() {
        var reachability = Reachability()
        let start = ContinuousClock.now
        #expect(!reachability.isKnown)
        let isToBeAsked = reachability.suspect("down", at: start)
        #expect(isToBeAsked && reachability.isInDoubt)
        let first = reachability.askedInVain(problem: nil, at: start)
        #expect(reachability.isKnown && !reachability.isReachable)
        _ = reachability.suspect("down again", at: start + .seconds(1))
        let again = reachability.askedInVain(problem: nil, at: start)
        let away = reachability.answered(at: start + .seconds(3))
        #expect(first == "down" && again == nil)
        #expect(away == .seconds(3))
        #expect(reachability.isReachable)
        let stillThere = reachability.answered(at: start + .seconds(4))
        _ = reachability.suspect("down", at: start + .seconds(5))
        let lostAgain = reachability.askedInVain(problem: nil, at: start)
        #expect(stillThere == nil)
        #expect(lostAgain == "down")
        #expect(!reachability.isReachable)
    }

    /// librdkafka calls all brokers down when those are that it is connected to. With one of three down, the log said for a
    /// tenth of a second that none could be reached.
    @Test("Brokers that are said to be down and answer were never away")
    func rumour() {
        var reachability = Reachability()
        let start = ContinuousClock.now
        _ = reachability.answered(at: start)
        _ = reachability.suspect("1/1 brokers are down", at: start + .seconds(1))
        #expect(reachability.isReachable)
        let away = reachability.answered(at: start + .seconds(1))
        let later = reachability.askedInVain(problem: nil, at: start)
        #expect(away == nil && later == nil && reachability.isReachable)
    }

    /// In two of three outages of a real broker `/health` said throughout that the group was being waited for. A broker that is being stopped
    /// may answer one more question behind the word that all are down, and that word doesn't come twice.
    @Test("A word that was refuted too early is made up for by questions in vain, once a broker can't be used")
    func refutedTooEarly() {
        var reachability = Reachability()
        let start = ContinuousClock.now
        _ = reachability.answered(at: start)
        _ = reachability.suspect("down", at: start + .seconds(1))
        _ = reachability.answered(at: start + .seconds(1))
        let slow = reachability.askedInVain(problem: nil, at: start + .seconds(2))
        #expect(slow == nil && !reachability.isInDoubt)
        let first = reachability.askedInVain(problem: "refused", at: start + .seconds(3))
        #expect(first == nil && reachability.isInDoubt && reachability.isReachable)
        let second = reachability.askedInVain(problem: "refused", at: start + .seconds(4))
        #expect(second == "refused" && !reachability.isReachable)
        let away = reachability.answered(at: start + .seconds(10))
        #expect(away == .seconds(7))
    }

    @Test("Partition numbers are told as ranges")
    func partitionRanges() {
        #expect(ranges(of: []) == "")
        #expect(ranges(of: [7]) == "7")
        #expect(ranges(of: [3, 1, 2, 7, 9, 8, 0]) == "0-3,7-9")
    }

    @Test("librdkafka's connection failures stay out of the log, its warnings don't")
    func logLevels() {
        #expect(LibraryLog.level(severity: 3, facility: "FAIL") == .debug)
        #expect(LibraryLog.level(severity: 4, facility: "COMMITFAIL") == .warning)
        #expect(LibraryLog.level(severity: 2, facility: "FATAL") == .error)
        #expect(LibraryLog.level(severity: 6, facility: "REBALANCE") == .debug)
        #expect(LibraryLog.level(severity: 7, facility: "FETCH") == .trace)
    }

    @Test("Numbers out of range are refused, and a closed embedded Kafka says so")
    func embeddedKafka() throws {
        #expect(#expect(throws: KafkaError.self) { _ = try EmbeddedKafka(brokers: 0) }?.kind == .configuration)
        #expect(
            #expect(throws: KafkaError.self) { _ = try EmbeddedKafka(topics: [("t", 0)]) }?.kind == .configuration)
        let kafka = try EmbeddedKafka(brokers: 3)
        #expect(kafka.bootstrapServers.split(separator: ",").count == 3)
        kafka.close()
        kafka.close()
        #expect(#expect(throws: KafkaError.self) { try kafka.createTopic("t", partitions: 1) }?.kind == .closed)
    }

    /// A record of a stream came twice while topics beside it were added and removed: librdkafka began the fetch again
    /// at a record that had just been handed out. Seen in a program that ThreadSanitizer slowed down.
    @Test("A record that comes twice in a row is left out once, also in another batch and behind other partitions")
    func repeats() {
        let topic = ConsumedTopic(name: "t")
        topic.assign(0)
        topic.assign(1)
        func hand(_ records: [(Int32, Int64)], time: Int64 = 7) -> [[Int64]] {
            var records = records.map {
                Record(partition: $0.0, recordOffset: $0.1, timestampMilliseconds: time, key: nil, value: nil)
            }
            return records.withUnsafeMutableBufferPointer { buffer in
                buffer[..<topic.dropDuplicates(buffer)].map { [Int64($0.partition), $0.recordOffset] }
            }
        }
        #expect(hand([(0, 0), (0, 1), (0, 1), (0, 2)]) == [[0, 0], [0, 1], [0, 2]])
        #expect(hand([(0, 2), (0, 3), (1, 5), (0, 3), (1, 6)]) == [[0, 3], [1, 5], [1, 6]])
        // Not assigned: nothing is known of it.
        #expect(hand([(2, 0)]) == [[2, 0]])
        #expect(hand([(2, 0)]) == [[2, 0]])
        // The topic was recreated and happens to begin there.
        #expect(hand([(0, 3)], time: 8) == [[0, 3]])
        // Sent back, so that records rightly come again.
        topic.partition(0)?.last = nil
        #expect(hand([(0, 3)], time: 8) == [[0, 3]])
    }
}
