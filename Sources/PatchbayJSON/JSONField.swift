/// How the words of a name are joined.
public enum JSONSpelling: Sendable, Equatable {
    /// `TxHash`
    case pascal
    /// `tx_hash`
    case snake
}

/// What a field's value must be.
public indirect enum JSONKind: Sendable {
    /// Any JSON value.
    case any
    /// A string, possibly empty.
    case string
    /// A string that isn't empty.
    case text
    /// An exact amount in a string: `digits` or `digits.digits`, without sign, exponent or spaces. Leading zeros are
    /// accepted: they leave no doubt about the amount.
    case decimal
    /// The same with an optional leading `-`.
    case signedDecimal
    /// A point in time in a string: `YYYY-MM-DDThh:mm:ss`, optionally a fraction of a second, then `Z` or an offset
    /// such as `+02:00`. The day must exist; there is no leap second.
    case timestamp
    case bool
    /// A number written as an integer without sign, fraction or exponent.
    case count
    case number
    /// A string that is one of these words.
    case choice([String])
    /// An object of this shape.
    case object(JSONShape)
    /// An array, possibly empty, of objects of this shape.
    case objects(JSONShape)

    /// As it stands in an explanation: "must be …".
    var phrase: String {
        switch self {
        case .any: "any value"
        case .string: "a string"
        case .text: "a non-empty string"
        case .decimal:
            #"an amount as a string, such as "1250.75", of digits with at most one point; no sign, exponent or spaces"#
        case .signedDecimal:
            #"an amount as a string, such as "-1250.75", of digits with at most one point; no exponent or spaces"#
        case .timestamp: #"a valid ISO 8601 time with an offset, such as "2024-01-01T12:00:00Z""#
        case .bool: "true or false"
        case .count: "a whole number of at least 0, written in digits only"
        case .number: "a number"
        case .choice(let words): words.map { "\"\($0)\"" }.joined(separator: " or ")
        case .object: "an object"
        case .objects: "an array of objects"
        }
    }
}

/// One field of a shape: its name in both spellings, and what its value must be.
public struct JSONField: Sendable {
    public let pascalName: String
    public let snakeName: String
    public let kind: JSONKind
    /// An optional field may be left out or null.
    public let isRequired: Bool
    /// What the value says, with its unit, as sentences for readers of the documents; may be empty.
    public let meaning: String

    public static func required(
        _ pascalName: String, _ snakeName: String, _ kind: JSONKind, _ meaning: String = ""
    ) -> JSONField {
        JSONField(pascalName: pascalName, snakeName: snakeName, kind: kind, isRequired: true, meaning: meaning)
    }

    public static func optional(
        _ pascalName: String, _ snakeName: String, _ kind: JSONKind, _ meaning: String = ""
    ) -> JSONField {
        JSONField(pascalName: pascalName, snakeName: snakeName, kind: kind, isRequired: false, meaning: meaning)
    }

    public func name(_ spelling: JSONSpelling) -> String { spelling == .pascal ? pascalName : snakeName }

    /// How a number beside it is named.
    var pascalNumberName: String { pascalName + "Number" }
    var snakeNumberName: String { snakeName + "_number" }

    /// The same field of another kind, or required or not.
    func with(kind: JSONKind? = nil, isRequired: Bool? = nil) -> JSONField {
        JSONField(
            pascalName: pascalName, snakeName: snakeName, kind: kind ?? self.kind, isRequired: isRequired ?? self.isRequired,
            meaning: meaning)
    }

    /// What the objects in it are.
    var nested: JSONShape? {
        switch kind {
        case .object(let shape), .objects(let shape): shape
        default: nil
        }
    }

    /// Whether it is an exact amount.
    var isDecimal: Bool {
        switch kind {
        case .decimal, .signedDecimal: true
        default: false
        }
    }
}
