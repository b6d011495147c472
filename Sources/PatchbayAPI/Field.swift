/// One option, declared once: decoding, diagnostics, environment variables, schema and reference all read this.
public struct Field: Sendable {
    /// The key in the file.
    public let name: String
    public let kind: FieldKind
    /// Used when neither the file nor the environment gives one; `nil` for "none" (see `isRequired`).
    public let defaultValue: ConfigValue?
    /// Whether leaving it out is an error.
    public let isRequired: Bool
    /// The unit of a number, such as `bytes` or `messages`.
    public let unit: String?
    /// What 0 stands for, such as `automatic`, when 0 is allowed although it lies outside the range of `kind`.
    public let zeroMeaning: String?
    /// An environment variable that wins over the file.
    public let environmentVariable: String?
    /// Whether its value is masked wherever it is shown.
    public let isSecret: Bool
    /// What it does, in one or two sentences.
    public let documentation: String
    /// An example as it stands in the file.
    public let example: String?

    public init(
        _ name: String,
        _ kind: FieldKind,
        default defaultValue: ConfigValue? = nil,
        required: Bool = false,
        unit: String? = nil,
        zero zeroMeaning: String? = nil,
        environment: String? = nil,
        secret: Bool = false,
        documentation: String,
        example: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.isRequired = required
        self.unit = unit
        self.zeroMeaning = zeroMeaning
        self.environmentVariable = environment
        self.isSecret = secret
        self.documentation = documentation
        self.example = example
    }
}

/// The type of a field's value, with its range where it has one.
public indirect enum FieldKind: Sendable {
    /// Text; `minimumLength` 1 forbids the empty string.
    case string(minimumLength: Int = 1)
    case bool
    case integer(ClosedRange<Int64>)
    case number(ClosedRange<Double>)
    /// A time span such as `500ms`, `30s`, `5m`; held as `.integer` milliseconds. The range is in milliseconds.
    case duration(milliseconds: ClosedRange<Int64>)
    /// A size such as `1024`, `64KiB`, `8MiB`; held as `.integer` bytes. The range is in bytes.
    case size(bytes: ClosedRange<Int64>)
    /// One of these words.
    case choice([String])
    /// A list; a lone item is accepted as a list of one. In an environment variable, items are separated by commas.
    case list(FieldKind, minimumCount: Int = 0)
    /// A mapping with these keys and no others.
    case object([Field])
    /// A mapping from free names to values of one kind.
    case dictionary(FieldKind)
    /// Text, a number or a boolean; held as `.string` with the text it was written as.
    case scalar
    /// Any value, held as it was written; the field's owner checks it.
    case any
    /// Any value, held as `.json`: numbers of any size keep every digit.
    case json
}
