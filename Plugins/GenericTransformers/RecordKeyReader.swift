import PatchbayAPI
import PatchbayJSON

/// Reads the keys by which a step tells records apart, with the parser and the memory that this takes.
///
/// Thread: consumer.
final class RecordKeyReader {
    /// `nil` where all records count together.
    private let key: RecordKey?
    private var parser: JSONParser
    /// For the record's own key.
    private var keyParser: JSONParser
    /// The key that was read last.
    private(set) var bytes: [UInt8] = []

    init(_ key: RecordKey?, loneSurrogates: LoneSurrogates) {
        self.key = key
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
        keyParser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
    }

    /// Reads the key of a record, and sees that its value is JSON, if it has one.
    ///
    /// - Returns: why the record is to be rejected.
    func read(_ record: Record, topic: String) -> Rejection? {
        guard let value = record.value else { return readKey(record, topic: topic, root: nil) }
        guard let key, key.needsFields else {
            return parser.validate(value)?.rejection ?? readKey(record, topic: topic, root: nil)
        }
        switch parser.read(value, { readKey(record, topic: topic, root: $0) }) {
        case .failure(let problem): return problem.rejection
        case .success(let rejection): return rejection
        }
    }

    /// Passes a record on or leaves it out, by its key. What is left out isn't looked at, unless its key is in its value.
    ///
    /// - Parameters:
    ///   - reason: why it is left out.
    ///   - takes: whether the record with this key passes; the key is `nil` where all count together.
    func sort(
        _ record: Record, topic: String, into output: EnvelopeWriter, orLeaveOut reason: FilterReason,
        takes: (UnsafeRawBufferPointer?) -> Bool
    ) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let isChecked = key?.needsFields == true
        if let rejection = isChecked ? read(record, topic: topic) : readKey(record, topic: topic, root: nil) {
            return output.reject(record, rejection)
        }
        guard key == nil ? takes(nil) : bytes.withUnsafeBytes({ takes($0) }) else { return output.filter(record, because: reason) }
        if !isChecked, let problem = parser.validate(value) { return output.reject(record, problem.rejection) }
        output.emit(record)
    }

    private func readKey(_ record: Record, topic: String, root: JSONValue?) -> Rejection? {
        guard let key else { return nil }
        guard key.needsKeyFields, let text = record.key else {
            return key.write(record, topic: topic, root: root, keyRoot: nil, to: &bytes)
        }
        switch keyParser.read(text, { key.write(record, topic: topic, root: root, keyRoot: $0, to: &bytes) }) {
        case .failure(let problem): return .unreadableKey(problem)
        case .success(let rejection): return rejection
        }
    }
}
