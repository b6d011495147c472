import PatchbayAPI
import PatchbayJSON

/// Passes on what a program of jq makes of each record, a message for each result.
///
/// Thread: consumer.
public final class JQTransformer: Transformer {
    /// What becomes of records with numbers that jq would change.
    enum LongNumbers: String, CaseIterable { case reject, text }

    private let program: JQProgram
    private let index: Int
    private let longNumbers: LongNumbers
    // jq has no half surrogate pairs: it would change them.
    private var parser = JSONParser(limits: .records)
    private var results = JQResults()

    init(_ program: JQProgram, index: Int, longNumbers: LongNumbers) {
        self.program = program
        self.index = index
        self.longNumbers = longNumbers
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        // With the limits and the words of all other transformers; jq would take some things that are no JSON.
        if let problem = parser.validate(value) { return output.reject(record, problem.rejection) }
        if parser.hasLoneSurrogate { return output.reject(record, Self.loneSurrogate) }
        let given = JQRecord(value)
        results.removeAll()
        let problem: JQResults.Problem?
        if given.longNumbers.isEmpty {
            problem = program.run(index, on: value, names: given.names, into: &results)
        } else if longNumbers == .text {
            problem = given.quoted(value).withUnsafeBytes { program.run(index, on: $0, names: given.names, into: &results) }
        } else {
            return output.reject(record, longNumber(in: value))
        }
        if let problem { return output.reject(record, rejection(problem, of: value)) }
        guard !results.ends.isEmpty else { return output.filter(record, because: Self.nothing) }
        results.bytes.withUnsafeBytes { bytes in
            var start = 0
            for end in results.ends {
                output.emit(record, data: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }

    private static var nothing: FilterReason {
        FilterReason(option: "program", explanation: "it has no result for this record")
    }

    private static var loneSurrogate: Rejection {
        Rejection(
            code: "invalid_json", explanation: "the text holds half of a surrogate pair, which represents no text, and jq would replace it")
    }

    @inline(never)
    private func longNumber(in value: UnsafeRawBufferPointer) -> Rejection {
        let path = path(in: value, toDuplicate: false)
        return Rejection(
            code: "inexact_number", field: path,
            explanation: "\(path.map { "`\($0)`" } ?? "the record") is a number that jq can't hold exactly; `long_numbers: text` hands "
                + "such numbers to the program as text")
    }

    @inline(never)
    private func rejection(_ problem: JQResults.Problem, of value: UnsafeRawBufferPointer) -> Rejection {
        switch problem {
        case .failed(let message):
            return Rejection(code: "expression_failed", explanation: "the program fails on this record: \(message)")
        case .duplicateName:
            let path = path(in: value, toDuplicate: true)
            return Rejection(
                code: "duplicate_field", field: path,
                explanation: "`\(path ?? "")` occurs twice, and jq would keep only the last one; remove one of them")
        case .notANumber:
            return Rejection(
                code: "expression_failed", explanation: "a result holds a number that JSON doesn't have: infinite, or none (nan)")
        case .tooMany:
            return Rejection(code: "too_large", explanation: "the program has more than \(JQResults.mostResults) results for this record")
        case .tooLarge:
            return Rejection(
                code: "too_large", explanation: "the program's results for this record have more than \(JQResults.mostBytes) bytes")
        case .tooDeep:
            return Rejection(
                code: "too_deep", explanation: "arrays and objects in a result are nested more than \(JQResults.mostLevels) levels deep")
        }
    }

    private func path(in value: UnsafeRawBufferPointer, toDuplicate: Bool) -> String? {
        let found = parser.read(value) { JQRecord.path(in: $0, toDuplicate: toDuplicate) }
        return (try? found.get()).flatMap { $0.isEmpty ? nil : $0 }
    }
}
