import PatchbayAPI
import PatchbayKafka

/// A dead letter as it was read: a refused record, and why it was refused.
package struct DeadLetter: Sendable {
    /// Where a letter stands in its topic.
    package struct Position: Sendable, Hashable, Comparable {
        package let partition: Int32
        package let recordOffset: Int64

        package init(partition: Int32, recordOffset: Int64) {
            self.partition = partition
            self.recordOffset = recordOffset
        }

        package static func < (left: Self, right: Self) -> Bool {
            (left.partition, left.recordOffset) < (right.partition, right.recordOffset)
        }
    }

    /// Where the record stood that was refused.
    package struct Origin: Sendable {
        package let topic: String
        package let partition: Int32?
        package let recordOffset: Int64?
        /// `nil` when it had none.
        package let timestampMilliseconds: Int64?
    }

    package let position: Position
    /// When the brokers got the letter.
    package let timestampMilliseconds: Int64
    package let route: String
    package let origin: Origin
    package let code: String
    package let explanation: String
    package let field: String?
    package let key: [UInt8]?
    /// The beginning of it, once `withPreview` has cut it.
    package private(set) var value: [UInt8]?
    package let valueSize: Int
    /// Those that the record had itself.
    package let headers: [(name: String, value: [UInt8]?)]
    /// The letter that this record was before, when it was replayed and refused again.
    package let earlier: (topic: String, place: String)?

    /// `nil` for what no route has written.
    package init?(_ record: ConsumedRecord) {
        // A route that reads dead letters of another one adds headers of its own to those that it found.
        guard let first = record.headers.lastIndex(where: { $0.name == DeadLetterHeader.route }) else { return nil }
        let reasons = record.headers[first...]
        func text(_ name: String) -> String? { reasons.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) } }
        guard let route = text(DeadLetterHeader.route), let topic = text(DeadLetterHeader.topic),
            let code = text(DeadLetterHeader.code)
        else { return nil }
        position = Position(partition: record.partition, recordOffset: record.recordOffset)
        timestampMilliseconds = record.timestampMilliseconds
        self.route = route
        let timestamp = text(DeadLetterHeader.timestamp).flatMap { Int64($0) }
        origin = Origin(
            topic: topic, partition: text(DeadLetterHeader.partition).flatMap { Int32($0) },
            recordOffset: text(DeadLetterHeader.offset).flatMap { Int64($0) },
            timestampMilliseconds: timestamp.flatMap { $0 < 0 ? nil : $0 })
        self.code = code
        explanation = text(DeadLetterHeader.explanation) ?? ""
        field = text(DeadLetterHeader.field)
        key = record.key
        value = record.value
        valueSize = record.value?.count ?? 0
        let own = record.headers[..<first]
        headers = own.filter { !DeadLetterHeader.Replay.all.contains($0.name) }
        let before = [DeadLetterHeader.Replay.topic, DeadLetterHeader.Replay.partition, DeadLetterHeader.Replay.offset].compactMap { name in
            own.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
        }
        earlier = before.count == 3 ? (before[0], "\(before[1])/\(before[2])") : nil
    }

    /// The same with no more than the beginning of the value, for those that are kept only to be shown.
    func withPreview(of bytes: Int) -> DeadLetter {
        var letter = self
        letter.value = value.map { Self.beginning(of: $0, bytes) }
        return letter
    }

    /// Not in the middle of a character.
    static func beginning(of bytes: [UInt8], _ most: Int) -> [UInt8] {
        guard bytes.count > most else { return bytes }
        var end = most
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        // What isn't UTF-8 has no characters to cut.
        return Array(bytes[..<(most - end < 4 ? end : most)])
    }
}

/// What says in a dead-letter topic that a letter was replayed: a record in the letter's partition, without a value. Being behind
/// the letter, it is there at least as long.
package struct ReplayMark: Sendable, Equatable {
    /// Of the letter.
    package let position: DeadLetter.Position
    /// Where the record went.
    package let topic: String
    package let timestampMilliseconds: Int64

    init?(_ record: ConsumedRecord) {
        func text(_ name: String) -> String? { record.headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) } }
        // Records that were refused may have any headers; letters are told from marks by those of a letter.
        guard record.value == nil, text(DeadLetterHeader.route) == nil,
            let offset = text(DeadLetterHeader.Mark.offset).flatMap({ Int64($0) })
        else { return nil }
        position = DeadLetter.Position(partition: record.partition, recordOffset: offset)
        topic = text(DeadLetterHeader.Mark.topic) ?? ""
        timestampMilliseconds = record.timestampMilliseconds
    }

    /// The key of the mark of a letter. No two marks have the same.
    static func key(of position: DeadLetter.Position) -> [UInt8] {
        Array("patchbay.replayed/\(position.partition)/\(position.recordOffset)".utf8)
    }

    static func headers(of position: DeadLetter.Position, to topic: String) -> [(name: String, value: [UInt8]?)] {
        [
            (DeadLetterHeader.Mark.offset, Array("\(position.recordOffset)".utf8)),
            (DeadLetterHeader.Mark.topic, Array(topic.utf8)),
        ]
    }
}

/// Which letters are asked for.
package struct DeadLetterFilter: Sendable {
    /// Of these routes; empty for all.
    package var routes: [String] = []
    /// Refused with one of these codes; empty for all.
    package var codes: [String] = []
    /// From this time on, milliseconds since 1970.
    package var since: Int64?
    /// Before this time.
    package var until: Int64?

    package init(routes: [String] = [], codes: [String] = [], since: Int64? = nil, until: Int64? = nil) {
        self.routes = routes
        self.codes = codes
        self.since = since
        self.until = until
    }

    package func takes(_ letter: DeadLetter) -> Bool {
        (routes.isEmpty || routes.contains { $0.hasSameBytes(as: letter.route) })
            && (codes.isEmpty || codes.contains { $0.hasSameBytes(as: letter.code) })
            && since.map { letter.timestampMilliseconds >= $0 } ?? true && until.map { letter.timestampMilliseconds < $0 } ?? true
    }
}
