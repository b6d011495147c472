import PatchbayAPI
import PatchbayJSON

/// Keeps the named fields of an object and leaves out all others; what stays is copied byte for byte, in its order.
///
/// Thread: consumer.
public final class PickTransformer: Transformer {
    private let paths: FieldPaths
    private let rejectsMissing: Bool
    private var parser: JSONParser
    private var bytes: [UInt8] = []
    /// Which of the paths the record in hand has.
    private var found: [Bool]

    init(_ paths: FieldPaths, rejectsMissing: Bool, loneSurrogates: LoneSurrogates) {
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
        self.paths = paths
        self.rejectsMissing = rejectsMissing
        found = Array(repeating: false, count: paths.paths.count)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let result = parser.read(value) { root -> Bool in
            guard root.type == .object else { return false }
            bytes.removeAll(keepingCapacity: true)
            for index in found.indices { found[index] = false }
            paths.appendKept(of: root, to: &bytes) { found[$0] = true }
            bytes.append(UInt8(ascii: "}"))
            return true
        }
        switch result {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(false): output.reject(record, .notAnObject)
        case .success(true):
            if rejectsMissing, let missing = found.firstIndex(of: false) {
                return output.reject(record, .missing(paths.paths[missing], "missing: reject"))
            }
            bytes.withUnsafeBytes { output.emit(record, data: $0) }
        }
    }
}
