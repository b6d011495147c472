import PatchbayAPI
import PatchbayJSON

/// What a step that changes single values makes of them.
///
/// Thread: consumer.
protocol ValueEdit: AnyObject {
    /// Appends what takes the value's place.
    ///
    /// - Parameter path: number of the path that led here.
    func edit(_ value: JSONValue, path: Int, into bytes: inout [UInt8]) -> EditOutcome
    /// A sentence's beginning for people, such as "`price` can't be made a number".
    func complaint(path: Int, text: String) -> String
}

enum EditOutcome {
    /// The value stays, byte for byte.
    case unchanged
    case edited
    /// It can't be done: a clause that says why.
    case impossible(StaticString)
}

/// What all steps that change single values have in common.
struct EditRules: Sendable {
    let paths: FieldPaths
    /// Whether a value that can't be changed passes as it is.
    var passesInvalid: Bool
    var rejectsMissing: Bool

    init(paths: FieldPaths, options: OptionValues) {
        self.paths = paths
        passesInvalid = options.string("invalid") == "pass"
        rejectsMissing = StepOptions.rejectsMissing(options)
    }

    /// `invalid`: what becomes of a value that can't be changed.
    static let invalid = Field(
        "invalid", .choice(["reject", "pass"]), default: .string("reject"),
        documentation:
            "What happens to a record with a value that can't be changed: it is rejected, or it passes with that value as it is.",
        example: "invalid: pass")
}

/// Changes single values of a record, wherever their paths lead; everything else is copied byte for byte.
///
/// Thread: consumer.
final class FieldEditor<Edit: ValueEdit>: Transformer {
    private let rules: EditRules
    private let edit: Edit
    private var parser: JSONParser
    private var patch = RecordPatch()
    private var edited: [UInt8] = []
    /// Which nodes of the paths, and which paths, the record in hand has.
    private var met: [Bool]
    private var found: [Bool]

    init(_ rules: EditRules, _ edit: Edit, loneSurrogates: LoneSurrogates) {
        self.rules = rules
        self.edit = edit
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
        met = Array(repeating: false, count: rules.paths.nodeCount)
        found = Array(repeating: false, count: rules.paths.paths.count)
    }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private enum Outcome {
        case done
        case unchanged
        case notAnObject
        case twice(Int)
        case impossible(Int, StaticString)
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        switch parser.read(value, { change($0, of: value) }) {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(.notAnObject): output.reject(record, .notAnObject)
        case .success(.twice(let path)): output.reject(record, .twice(rules.paths.paths[path]))
        case .success(.impossible(let path, let reason)): output.reject(record, rejection(path, reason))
        case .success(let outcome):
            if rules.rejectsMissing, let missing = found.firstIndex(of: false) {
                return output.reject(record, .missing(rules.paths.paths[missing], "missing: reject"))
            }
            if case .unchanged = outcome { return output.emit(record) }
            patch.bytes.withUnsafeBytes { output.emit(record, data: $0) }
        }
    }

    private func change(_ root: JSONValue, of original: UnsafeRawBufferPointer) -> Outcome {
        guard rules.paths.canWalk(root) else { return .notAnObject }
        patch.begin()
        for index in found.indices { found[index] = false }
        var isChanged = false
        var impossible: (path: Int, reason: StaticString)?
        let walk = rules.paths.walk(root, met: &met) { path, value in
            found[path] = true
            edited.removeAll(keepingCapacity: true)
            switch edit.edit(value, path: path, into: &edited) {
            case .unchanged: break
            case .edited:
                isChanged = true
                edited.withUnsafeBytes { patch.replace(value.range, of: original, with: $0) }
            case .impossible(let reason):
                if rules.passesInvalid { break }
                impossible = (path, reason)
                return false
            }
            return true
        }
        if let impossible { return .impossible(impossible.path, impossible.reason) }
        if case .twice(let path) = walk { return .twice(path) }
        guard isChanged else { return .unchanged }
        patch.finish(original)
        return .done
    }

    @inline(never)
    private func rejection(_ path: Int, _ reason: StaticString) -> Rejection {
        let text = rules.paths.paths[path].text
        return Rejection(
            code: "invalid_value", field: text, explanation: "\(edit.complaint(path: path, text: text)): \(reason)")
    }
}
