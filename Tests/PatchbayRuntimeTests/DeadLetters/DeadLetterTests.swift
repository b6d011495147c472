import Foundation
import PatchbayKafka
import Testing

@testable import PatchbayRuntime

/// What is read of dead letters, and times on command lines.
@Suite struct DeadLetterReadingTests {
    private func record(
        _ headers: [(String, String?)], value: String? = "v", offset: Int64 = 5
    ) -> ConsumedRecord {
        ConsumedRecord(
            topic: "dead", partition: 1, recordOffset: offset, timestampMilliseconds: 10, key: nil, value: value.map { Array($0.utf8) },
            headers: headers.map { ($0.0, $0.1.map { Array($0.utf8) }) })
    }

    private func reasons(_ route: String, topic: String = "t") -> [(String, String?)] {
        [
            ("patchbay.route", route), ("patchbay.topic", topic), ("patchbay.partition", "3"), ("patchbay.offset", "9"),
            ("patchbay.timestamp", "-1"), ("patchbay.error.code", "c"), ("patchbay.error", "e"),
        ]
    }

    /// Routes may read each other's dead letters: what the inner one said is the record's own.
    @Test func theLastReasonsCountAndTheOthersAreTheRecords() throws {
        let letter = try #require(DeadLetter(record([("a", "1")] + reasons("inner") + reasons("outer", topic: "dead-of-inner"))))
        #expect(letter.route == "outer" && letter.origin.topic == "dead-of-inner")
        #expect(letter.headers.map(\.name) == ["a"] + reasons("inner").map(\.0))
        #expect(letter.origin.partition == 3 && letter.origin.recordOffset == 9 && letter.origin.timestampMilliseconds == nil)
        #expect(letter.earlier == nil && letter.field == nil)
    }

    @Test func whatIsNoLetterIsNone() {
        #expect(DeadLetter(record([])) == nil)
        #expect(DeadLetter(record([("patchbay.route", "r")])) == nil)
        #expect(DeadLetter(record([("patchbay.route", nil), ("patchbay.topic", "t"), ("patchbay.error.code", "c")])) == nil)
    }

    /// A record that was refused may have any headers; only what no route has written is a mark.
    @Test func aLetterIsNoMark() {
        let mark = [("patchbay.replayed.offset", "7"), ("patchbay.replayed.topic", "t")] as [(String, String?)]
        #expect(ReplayMark(record(mark, value: nil))?.position == .init(partition: 1, recordOffset: 7))
        #expect(ReplayMark(record(mark + reasons("r"), value: nil)) == nil)
        #expect(ReplayMark(record(mark)) == nil)
        #expect(ReplayMark(record([("patchbay.replayed.offset", "x")], value: nil)) == nil)
    }

    @Test func timesAreAgesOrISO8601() throws {
        let now = Date(timeIntervalSince1970: 1_767_225_600)
        for (text, expected) in [
            ("0s", 1_767_225_600_000), ("30m", 1_767_223_800_000), ("2h", 1_767_218_400_000), ("9999999h", 0),
            ("2026-01-01T00:00:00Z", 1_767_225_600_000), ("2026-01-01T00:00:00.250Z", 1_767_225_600_250),
            ("2026-01-01T01:00:00+01:00", 1_767_225_600_000), ("2026-01-01T00:00:00", 1_767_225_600_000), ("2026-01-01", 1_767_225_600_000),
        ] as [(String, Int64)] {
            #expect(PointInTime.milliseconds(text, now: now) == expected, "\(text)")
        }
        for text in ["", "now", "30", "1d", "2026-02-30", "2026-01-01T25:00:00Z", "2026", "-5m"] {
            #expect(PointInTime.milliseconds(text, now: now) == nil, "\(text)")
        }
    }
}
