/// A configuration value without its position: what options, defaults and examples are made of.
public indirect enum ConfigValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case list([ConfigValue])
    case map([ByteString: ConfigValue])
    /// JSON text, numbers as they were written: what an option of the kind `json` holds.
    case json(String)

    /// Texts are compared by their bytes.
    public static func == (left: ConfigValue, right: ConfigValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)), (.json(let left), .json(let right)): left.hasSameBytes(as: right)
        case (.list(let left), .list(let right)): left == right
        case (.map(let left), .map(let right)): left == right
        default: false
        }
    }
}

/// A transformer's options after the loader has checked them against its `Field`s: every field is present with its
/// given or default value, and of the declared kind.
public struct OptionValues: Sendable, Equatable {
    private let values: [String: ConfigValue]

    public init(_ values: [String: ConfigValue]) { self.values = values }

    /// Fills in the defaults of `fields`; for tests and for transformers built without a file.
    public init(_ values: [String: ConfigValue] = [:], defaultsOf fields: [Field]) {
        var all = values
        for field in fields where all[field.name] == nil {
            if let fallback = field.defaultValue { all[field.name] = fallback }
        }
        self.values = all
    }

    /// Every option that was given or has a default.
    public var all: [String: ConfigValue] { values }

    /// The raw value; `nil` when neither given nor defaulted.
    public subscript(name: String) -> ConfigValue? { values[name] }

    public func string(_ name: String) -> String? {
        if case .string(let value)? = values[name] { value } else { nil }
    }

    public func bool(_ name: String) -> Bool? {
        if case .bool(let value)? = values[name] { value } else { nil }
    }

    public func integer(_ name: String) -> Int64? {
        if case .integer(let value)? = values[name] { value } else { nil }
    }

    /// A list of strings; `nil` when absent.
    public func strings(_ name: String) -> [String]? {
        guard case .list(let items)? = values[name] else { return nil }
        return items.compactMap { if case .string(let value) = $0 { value } else { nil } }
    }
}

/// What is wrong with options that are each of the right kind, found by a transformer's `configure`.
public struct OptionError: Error, Equatable, Sendable {
    /// The option to point at; `nil` for the transformer as a whole.
    public let option: String?
    public let message: String
    public let hint: String?

    public init(option: String?, message: String, hint: String? = nil) {
        self.option = option
        self.message = message
        self.hint = hint
    }
}
