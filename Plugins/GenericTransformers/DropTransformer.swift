import PatchbayAPI
import PatchbayJSON

/// Leaves out the named fields of an object; what stays is copied byte for byte, white space included.
///
/// Thread: consumer.
public final class DropTransformer: Transformer {
    private let paths: FieldPaths
    private let rejectsMissing: Bool
    private var parser: JSONParser
    private var patch = RecordPatch()
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
            guard paths.canWalk(root) else { return false }
            patch.begin()
            for index in found.indices { found[index] = false }
            drop(paths.roots, from: root, of: value)
            patch.finish(value)
            return true
        }
        switch result {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(false): output.reject(record, .notAnObject)
        case .success(true):
            if rejectsMissing, let missing = found.firstIndex(of: false) {
                return output.reject(record, .missing(paths.paths[missing], "missing: reject"))
            }
            patch.bytes.withUnsafeBytes { output.emit(record, data: $0) }
        }
    }

    private func drop(_ nodes: [FieldPaths.Node], from container: JSONValue, of original: UnsafeRawBufferPointer) {
        var gaps = Gaps()
        if container.type == .object {
            for member in container.members {
                drop(FieldPaths.index(of: member, in: nodes), nodes, member.value, member.range, &gaps, original)
            }
        } else {
            var number = 0
            for element in container.elements {
                drop(FieldPaths.index(ofElement: number, in: nodes), nodes, element, element.range, &gaps, original)
                number += 1
            }
        }
        gaps.end(&patch, original)
    }

    private func drop(
        _ index: Int?, _ nodes: [FieldPaths.Node], _ value: JSONValue, _ range: Range<Int>, _ gaps: inout Gaps,
        _ original: UnsafeRawBufferPointer
    ) {
        guard let index else { return gaps.keep(range, &patch, original) }
        if let end = nodes[index].end {
            found[end] = true
            return gaps.leaveOut(range, &patch, original)
        }
        // Before what is inside, since edits come in the order of the text.
        gaps.keep(range, &patch, original)
        drop(nodes[index].children, from: value, of: original)
    }

    /// Takes care of the commas around what is left out of one container.
    private struct Gaps {
        private var hasKept = false
        /// The end of the member or element before.
        private var previousEnd = 0
        /// Where a part begins that is left out from the start of the container.
        private var leadingStart: Int?

        mutating func keep(_ range: Range<Int>, _ patch: inout RecordPatch, _ original: UnsafeRawBufferPointer) {
            if let start = leadingStart {
                patch.copy(original, upTo: start)
                patch.skip(to: range.lowerBound)
                leadingStart = nil
            }
            hasKept = true
            previousEnd = range.upperBound
        }

        mutating func leaveOut(_ range: Range<Int>, _ patch: inout RecordPatch, _ original: UnsafeRawBufferPointer) {
            if hasKept {
                // With the comma before it.
                patch.copy(original, upTo: previousEnd)
                patch.skip(to: range.upperBound)
            } else if leadingStart == nil {
                leadingStart = range.lowerBound
            }
            previousEnd = range.upperBound
        }

        mutating func end(_ patch: inout RecordPatch, _ original: UnsafeRawBufferPointer) {
            guard let start = leadingStart else { return }
            patch.copy(original, upTo: start)
            patch.skip(to: previousEnd)
        }
    }
}
