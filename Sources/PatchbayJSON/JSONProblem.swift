import PatchbayAPI

/// Why a text was refused, and where.
public struct JSONProblem: Error, Sendable, Equatable {
    /// The raw values are what rejections carry as their `code`.
    public enum Code: String, Sendable, CaseIterable {
        case invalidJSON = "invalid_json"
        case schemaRegistryPrefix = "schema_registry_prefix"
        case compressedValue = "compressed_value"
        case avroFile = "avro_file"
        case tooDeep = "too_deep"
        case tooLarge = "too_large"
        case outOfMemory = "out_of_memory"
        case notAnObject = "not_an_object"
        case missingField = "missing_field"
        case wrongType = "wrong_type"
        case invalidValue = "invalid_value"
        case duplicateField = "duplicate_field"
    }

    public let code: Code
    /// The field at fault in its documented spelling, with its path, such as `aggregate_data[0].sell_volume`;
    /// `nil` when it is the whole text.
    public let field: String?
    /// One sentence for a person: what is wrong, and what would be right.
    public let explanation: String

    public init(code: Code, field: String? = nil, explanation: String) {
        self.code = code
        self.field = field
        self.explanation = explanation
    }

    /// The same for the router.
    public var rejection: Rejection { Rejection(code: code.rawValue, field: field, explanation: explanation) }
}
