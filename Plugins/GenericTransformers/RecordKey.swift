import PatchbayAPI
import PatchbayJSON

/// What a step tells records apart by: a template such as `{Token}` or `{@key}`, or a list of fields.
struct RecordKey: Sendable {
    /// Keys are kept in memory; longer ones are refused.
    static let maximumBytes = 1024

    private enum Piece: Sendable {
        case bytes([UInt8])
        case field(FieldPath)
        case key
        /// A field of the record's key, which is JSON then.
        case keyField(FieldPath)
        case header(String)
        case topic
        case partition
    }

    private let pieces: [Piece]
    /// Whether it needs the record's value.
    let needsFields: Bool
    /// Whether it needs fields of the record's own key.
    let needsKeyFields: Bool

    private init(_ pieces: [Piece]) {
        self.pieces = pieces
        needsFields = pieces.contains { if case .field = $0 { true } else { false } }
        needsKeyFields = pieces.contains { if case .keyField = $0 { true } else { false } }
    }

    /// - Throws: when it is no template, or the same for every record.
    init(template text: String, option: String) throws(OptionError) {
        let template: ChannelTemplate
        do throws(ChannelTemplate.Invalid) {
            template = try ChannelTemplate(text)
        } catch {
            throw OptionError(option: option, message: "`\(text)` \(error.problem)", hint: error.hint)
        }
        guard !template.isPlain else {
            throw OptionError(
                option: option, message: "`\(text)` has no placeholder, so all records would have the same key",
                hint: "write `{Field}`, `{@key}` or several of these")
        }
        self.init(
            template.parts.compactMap { part in
                switch part {
                case .literal(let text): .bytes(Array(text.utf8))
                case .field(let path): .field(path)
                case .key: .key
                case .keyField(let path): .keyField(path)
                case .header(let name): .header(name)
                case .topic: .topic
                case .partition: .partition
                // Not in a template of this use.
                case .timestamp: nil
                }
            })
    }

    /// - Throws: when one of them is no field.
    init(fields: [String], option: String) throws(OptionError) {
        let paths = try FieldPaths(fields, option: option, indexes: .anywhere)
        var pieces: [Piece] = []
        for path in paths.paths {
            // Is in no text, so that two fields can't run together.
            if !pieces.isEmpty { pieces.append(.bytes([0xFF])) }
            pieces.append(.field(path))
        }
        self.init(pieces)
    }

    /// Writes the key of a record into `bytes`, replacing what is there. Allocates nothing once `bytes` is as long as the longest.
    ///
    /// - Parameters:
    ///   - root: the record's value; `nil` for a tombstone, or where no field is needed.
    ///   - keyRoot: the record's own key; `nil` where there is none, or no field of it is needed.
    /// - Returns: why it has none.
    func write(_ record: Record, topic: String, root: JSONValue?, keyRoot: JSONValue?, to bytes: inout [UInt8]) -> Rejection? {
        bytes.removeAll(keepingCapacity: true)
        for index in pieces.indices {
            let before = bytes.count
            switch pieces[index] {
            case .bytes(let literal):
                bytes.append(contentsOf: literal)
                continue
            case .field(let path):
                guard let root else { return Self.noFields(path) }
                if let rejection = Self.append(root, path, isOfKey: false, to: &bytes) { return rejection }
                continue
            case .keyField(let path):
                guard let keyRoot else { return missing(index) }
                if let rejection = Self.append(keyRoot, path, isOfKey: true, to: &bytes) { return rejection }
                continue
            case .key: if let key = record.key { bytes.append(contentsOf: key) }
            case .header(let name): if let value = record.headers.last(named: name) { bytes.append(contentsOf: value) }
            case .topic: bytes.append(contentsOf: topic.utf8)
            case .partition: JSONText.appendInteger(record.partition, to: &bytes)
            }
            if bytes.count == before { return missing(index) }
        }
        return bytes.count > Self.maximumBytes ? Self.tooLong : nil
    }

    private static func append(_ root: JSONValue, _ path: FieldPath, isOfKey: Bool, to bytes: inout [UInt8]) -> Rejection? {
        guard let value = root.value(at: path) else { return missing(path, isOfKey, "is missing") }
        switch value.type {
        case .string:
            guard !value.hasLoneSurrogate, let text = value.string else { return noText(path, isOfKey) }
            guard !text.isEmpty else { return missing(path, isOfKey, "is empty text") }
            bytes.append(contentsOf: text)
        case .number, .bool: bytes.append(contentsOf: value.text)
        case .null: return missing(path, isOfKey, "is null")
        case .object, .array: return wrongType(path, isOfKey, value.type == .object ? "an object" : "an array")
        }
        return nil
    }

    // MARK: Rejections; they build strings, so they are kept off the common path

    private static let tooLong = Rejection(
        code: "too_large", explanation: "the record's key for this step would have more than \(maximumBytes) bytes")

    @inline(never)
    private func missing(_ index: Int) -> Rejection {
        let name = if case .header(let name) = pieces[index] { "@header.\(name)" } else { "@key" }
        return Rejection(
            code: "missing_key", field: name, explanation: "`\(name)` is missing or empty, and the step tells records apart by it")
    }

    private static func name(_ path: FieldPath, _ isOfKey: Bool) -> String { isOfKey ? path.text(behind: "@key") : path.text }

    @inline(never)
    private static func missing(_ path: FieldPath, _ isOfKey: Bool, _ what: String) -> Rejection {
        let field = name(path, isOfKey)
        return Rejection(
            code: "missing_field", field: field, explanation: "`\(field)` \(what), and the step tells records apart by it")
    }

    @inline(never)
    private static func noFields(_ path: FieldPath) -> Rejection {
        let field = path.text
        return Rejection(
            code: "missing_field", field: field,
            explanation: "the record has no value (a tombstone), so it has no `\(field)` that the step could tell it from others by; "
                + "`{@key}` and its fields work for both")
    }

    @inline(never)
    private static func noText(_ path: FieldPath, _ isOfKey: Bool) -> Rejection {
        let field = name(path, isOfKey)
        return Rejection(
            code: "invalid_value", field: field,
            explanation: "`\(field)` holds half of a surrogate pair, which is not text, and the step tells records apart by it")
    }

    @inline(never)
    private static func wrongType(_ path: FieldPath, _ isOfKey: Bool, _ what: String) -> Rejection {
        let field = name(path, isOfKey)
        return Rejection(
            code: "wrong_type", field: field,
            explanation: "`\(field)` is \(what), and the step tells records apart by it: it must be text, a number or a boolean")
    }
}

extension RecordKey {
    /// Why a step that needs the key of every record can't take tombstones.
    ///
    /// - Parameter template: the option `key`, which has been checked.
    static func tombstoneProblem(template: String?) -> OptionError? {
        guard let template, (try? ChannelTemplate(template))?.fieldPaths.isEmpty == false else { return nil }
        return OptionError(
            option: "key", message: "a deletion has no fields to make it of, so with `tombstones: message` each of them would be refused",
            hint: "use `{@key}`, or a field of the record's key such as `{@key.id}`, or set `tombstones: ignore`")
    }

    /// The option `key` of steps that tell records apart.
    static func option(required: Bool, _ documentation: String, example: String) -> Field {
        Field(
            "key", .string(), required: required,
            documentation: documentation + """
                 A template as in names of channels: fields of the value (`{Token}`, `{user.id}`), `{@key}`, fields of a key that is \
                JSON (`{@key.id}`), `{@header.NAME}`, `{@topic}`, `{@partition}`. At most 1,024 bytes.
                """,
            example: example)
    }
}
