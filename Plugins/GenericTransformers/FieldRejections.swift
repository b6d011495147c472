import PatchbayAPI
import PatchbayJSON

/// What the steps that work on fields refuse records with. They build strings, so they are kept off the common path.
extension Rejection {
    /// For steps that change the fields of objects.
    static var notAnObject: Rejection {
        Rejection(code: "not_an_object", explanation: "the record must be a JSON object")
    }

    /// - Parameter option: what asks for the field, such as `missing: reject`.
    @inline(never)
    static func missing(_ path: FieldPath, _ option: String) -> Rejection {
        Rejection(
            code: "missing_field", field: path.text, explanation: "`\(path.text)` is missing, and `\(option)` asks for it")
    }

    /// The record's key, of which fields are asked for, is no JSON.
    @inline(never)
    static func unreadableKey(_ problem: JSONProblem) -> Rejection {
        Rejection(
            code: problem.code.rawValue, field: "@key",
            explanation: "fields of the record's key are asked for, and the key can't be read: \(problem.explanation)")
    }

    /// A step that changes a value can't choose between two of them.
    @inline(never)
    static func twice(_ path: FieldPath) -> Rejection {
        Rejection(
            code: "duplicate_field", field: path.text,
            explanation: "a name on the way to `\(path.text)` occurs twice in one object, so it isn't clear which field is meant")
    }

    /// - Parameters:
    ///   - found: such as "is an array".
    ///   - wanted: such as "must be a string".
    @inline(never)
    static func wrongType(_ field: String?, found: JSONType, wanted: String) -> Rejection {
        let subject = field.map { "`\($0)`" } ?? "the record"
        return Rejection(code: "wrong_type", field: field, explanation: "\(subject) is \(found.phrase), and it must be \(wanted)")
    }
}

/// Options that several steps have.
enum StepOptions {
    static let missing = Field(
        "missing", .choice(["skip", "reject"]), default: .string("skip"),
        documentation: "What happens to a record that lacks one of the fields: it passes without it, or it is rejected.",
        example: "missing: reject")

    /// Of steps that work on one value.
    static let nothingThere = Field(
        "missing", .choice(["reject", "skip"]), default: .string("reject"),
        documentation: "What happens to a record with nothing, or null, at the path: it is rejected (`reject`) or left out (`skip`).",
        example: "missing: skip")

    static func rejectsMissing(_ options: OptionValues) -> Bool { options.string("missing") == "reject" }

    /// Names of fields and what becomes of them, in the order of the names' bytes.
    static func entries(_ options: OptionValues, _ name: String) -> [(path: String, value: ConfigValue)] {
        guard case .map(let entries)? = options[name] else { return [] }
        return entries.sorted { $0.key < $1.key }.map { ($0.key.string, $0.value) }
    }
}
