import PatchbayAPI
import PatchbayJSON

/// Makes a message of each element of an array, byte for byte, with other fields of the record beside it where that is asked for.
///
/// Thread: consumer.
public final class SplitTransformer: Transformer {
    struct Rules: Sendable {
        /// `nil` when the record itself is the array.
        let path: FieldPath?
        /// Fields that each message gets.
        let kept: FieldPaths?
        /// `"name":` of the field that holds the element; `nil` when the message is the element, or its fields are beside those that are
        /// kept.
        let elementKey: [UInt8]?
        let mostElements: Int
        let skipsMissing: Bool
        let loneSurrogates: LoneSurrogates
    }

    private let rules: Rules
    private var parser: JSONParser
    private var bytes: [UInt8] = []

    init(_ rules: Rules) {
        self.rules = rules
        parser = JSONParser(limits: .records, loneSurrogates: rules.loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let result = parser.read(value) { root in split(root, of: record, size: value.count, into: output) }
        if case .failure(let problem) = result { output.reject(record, problem.rejection) }
    }

    /// Looks at all elements before the first is emitted: a record is split or refused.
    private func split(_ root: JSONValue, of record: Record, size: Int, into output: EnvelopeWriter) {
        let found = if let path = rules.path { root.value(at: path) } else { Optional(root) }
        guard let array = found, array.type != .null else {
            if rules.skipsMissing { return output.filter(record, because: Self.missing) }
            return output.reject(record, missingRejection())
        }
        guard array.type == .array else {
            return output.reject(record, .wrongType(rules.path?.text, found: array.type, wanted: "an array"))
        }
        bytes.removeAll(keepingCapacity: true)
        if let kept = rules.kept {
            guard root.type == .object else { return output.reject(record, .notAnObject) }
            kept.appendKept(of: root, to: &bytes)
        }
        let start = bytes.count
        var count = 0
        var total = 0
        for element in array.elements {
            count += 1
            total += start + element.text.count
            if count > rules.mostElements { return output.reject(record, tooMany()) }
            if let problem = objection(to: element) { return output.reject(record, problem) }
        }
        if count == 0 { return output.filter(record, because: Self.empty) }
        if rules.kept != nil, total > OutputBound.bytes(of: size) { return output.reject(record, OutputBound.rejection) }
        for element in array.elements { emit(element, behind: start, of: record, into: output) }
    }

    private func emit(_ element: JSONValue, behind start: Int, of record: Record, into output: EnvelopeWriter) {
        guard rules.kept != nil || rules.elementKey != nil else { return output.emit(record, data: element.text) }
        bytes.removeSubrange(start...)
        // `appendKept` has opened the object, if it ran.
        if start == 0 { bytes.append(UInt8(ascii: "{")) }
        if let key = rules.elementKey {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: key)
            bytes.append(contentsOf: element.text)
        } else {
            for member in element.members {
                if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
                member.appendKey(to: &bytes)
                bytes.append(contentsOf: member.value.text)
            }
        }
        bytes.append(UInt8(ascii: "}"))
        bytes.withUnsafeBytes { output.emit(record, data: $0) }
    }

    /// Where the fields of an element stand beside those that are kept, it must have some, and none of the same name.
    private func objection(to element: JSONValue) -> Rejection? {
        guard let kept = rules.kept, rules.elementKey == nil else { return nil }
        guard element.type == .object else {
            return .wrongType(rules.path?.text, found: element.type, wanted: "an object in every element, or `as` must name a field for it")
        }
        for member in element.members where FieldPaths.index(of: member, in: kept.roots) != nil { return duplicate(member) }
        return nil
    }

    // MARK: What is said of records that aren't split

    @inline(never)
    private func duplicate(_ member: JSONMember) -> Rejection {
        Rejection(
            code: "duplicate_field", field: member.nameString,
            explanation:
                "`\(member.nameString)` is kept, and an element has a field of that name; `as` puts elements into a field of their own")
    }

    @inline(never)
    private func tooMany() -> Rejection {
        let field = rules.path?.text
        return Rejection(
            code: "too_large", field: field,
            explanation: "\(field.map { "`\($0)`" } ?? "the record") has more than \(rules.mostElements) elements, as many as `most` allows"
        )
    }

    private func missingRejection() -> Rejection {
        Rejection(
            code: "missing_field", field: rules.path?.text,
            explanation: "there is nothing, or null, where an array should be; `missing: skip` leaves such records out")
    }

    private static var missing: FilterReason {
        FilterReason(option: "missing", explanation: "there is nothing, or null, where an array should be")
    }

    private static var empty: FilterReason { FilterReason(option: "path", explanation: "the array has no elements") }
}
