import PatchbayAPI
import PatchbayJSON

/// Makes one object of an object with others inside: the names on the way are joined, and values are copied byte for byte.
///
/// Thread: consumer.
public final class FlattenTransformer: Transformer {
    struct Rules: Sendable {
        /// As it is, and with escapes where JSON needs them.
        let separator: [UInt8]
        let escapedSeparator: [UInt8]
        /// Levels of objects that go.
        let depth: Int
        let loneSurrogates: LoneSurrogates
    }

    private let rules: Rules
    private var parser: JSONParser
    private var bytes: [UInt8] = []
    /// The way to the object in hand, each name with a separator behind it: as names are compared, and as they are written.
    private var way: [UInt8] = []
    private var writtenWay: [UInt8] = []
    private var names = NameSet()
    /// What the output may take: a long name in front of many short values could make it thousands of times as long as the record.
    private var mostBytes = 0

    init(_ rules: Rules) {
        self.rules = rules
        parser = JSONParser(limits: .records, loneSurrogates: rules.loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private enum Failure: Error {
        case notAnObject
        /// Two fields have the name that `names` has got last.
        case collision
        case tooLarge
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let result = parser.read(value) { root -> Failure? in
            guard root.type == .object else { return .notAnObject }
            bytes.removeAll(keepingCapacity: true)
            way.removeAll(keepingCapacity: true)
            writtenWay.removeAll(keepingCapacity: true)
            names.removeAll()
            mostBytes = OutputBound.bytes(of: value.count)
            bytes.append(UInt8(ascii: "{"))
            do throws(Failure) {
                try append(root, levels: rules.depth)
            } catch {
                return error
            }
            bytes.append(UInt8(ascii: "}"))
            return nil
        }
        switch result {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(.notAnObject?): output.reject(record, .notAnObject)
        case .success(.collision?): output.reject(record, collision())
        case .success(.tooLarge?): output.reject(record, OutputBound.rejection)
        case .success(nil): bytes.withUnsafeBytes { output.emit(record, data: $0) }
        }
    }

    private func append(_ object: JSONValue, levels: Int) throws(Failure) {
        for member in object.members {
            if levels > 0, member.value.type == .object, member.value.hasMembers {
                let (length, writtenLength) = (way.count, writtenWay.count)
                way.append(contentsOf: member.name)
                way.append(contentsOf: rules.separator)
                writtenWay.append(contentsOf: member.nameText)
                writtenWay.append(contentsOf: rules.escapedSeparator)
                try append(member.value, levels: levels - 1)
                way.removeSubrange(length...)
                writtenWay.removeSubrange(writtenLength...)
                continue
            }
            guard names.insert(way, member.name) else { throw .collision }
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "\""))
            bytes.append(contentsOf: writtenWay)
            bytes.append(contentsOf: member.nameText)
            bytes.append(UInt8(ascii: "\""))
            bytes.append(UInt8(ascii: ":"))
            bytes.append(contentsOf: member.value.text)
            guard bytes.count <= mostBytes, names.byteCount <= mostBytes else { throw .tooLarge }
        }
    }

    @inline(never)
    private func collision() -> Rejection {
        let name = String(decoding: names.last, as: UTF8.self)
        return Rejection(
            code: "duplicate_field", field: name, explanation: "two fields of the record would both be called `\(name)`")
    }
}

extension JSONValue {
    /// Whether it is an object that isn't empty.
    fileprivate var hasMembers: Bool {
        var members = members.makeIterator()
        return members.next() != nil
    }
}

/// What steps that can make much of little may make of one record.
enum OutputBound {
    static func bytes(of record: Int) -> Int { max(1 << 20, record * 8) }

    static var rejection: Rejection {
        Rejection(
            code: "too_large", explanation: "what becomes of the record would be more than eight times as large as it, and more than 1 MiB")
    }
}

/// Names, each of which may occur once. Finds a name without looking at all others, and keeps its memory.
///
/// Thread: consumer.
struct NameSet {
    private struct Entry {
        let range: Range<Int>
        let hash: Int
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// Numbers of entries from 1 on, by hash; a power of two of them, at least twice as many as entries.
    private var slots: [UInt32] = Array(repeating: 0, count: 64)

    /// Of all names together.
    var byteCount: Int { bytes.count }

    /// The name that was to be inserted last.
    var last: ArraySlice<UInt8> { entries.last.map { bytes[$0.range] } ?? [] }

    mutating func removeAll() {
        // Only those that are used: clearing a table that one large record has grown would cost every small one.
        for index in entries.indices {
            var slot = entries[index].hash & (slots.count - 1)
            while slots[slot] != 0 {
                slots[slot] = 0
                slot = (slot + 1) & (slots.count - 1)
            }
        }
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    /// - Returns: `false` when the name, which is given in two parts, is there already.
    mutating func insert(_ start: [UInt8], _ end: UnsafeRawBufferPointer) -> Bool {
        let first = bytes.count
        bytes.append(contentsOf: start)
        bytes.append(contentsOf: end)
        var hasher = Hasher()
        bytes.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[first...])) }
        let entry = Entry(range: first..<bytes.count, hash: hasher.finalize())
        if (entries.count + 1) * 2 > slots.count { grow() }
        var slot = entry.hash & (slots.count - 1)
        var isNew = true
        while slots[slot] != 0 {
            let other = entries[Int(slots[slot]) - 1]
            if other.hash == entry.hash, isSame(other.range, entry.range) { isNew = false }
            slot = (slot + 1) & (slots.count - 1)
        }
        entries.append(entry)
        slots[slot] = UInt32(entries.count)
        return isNew
    }

    private func isSame(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        guard left.count == right.count else { return false }
        for offset in 0..<left.count where bytes[left.lowerBound + offset] != bytes[right.lowerBound + offset] { return false }
        return true
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for index in entries.indices {
            var slot = entries[index].hash & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(index + 1)
        }
    }
}
