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
        case header(String)
        case topic
        case partition
    }

    private let pieces: [Piece]
    /// Whether it needs the record's value.
    let needsFields: Bool

    private init(_ pieces: [Piece]) {
        self.pieces = pieces
        needsFields = pieces.contains { if case .field = $0 { true } else { false } }
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
        if let path = template.keyPaths.first {
            throw OptionError(
                option: option, message: "`\(text)` names a field of the record's key, which can't tell records apart",
                hint: "`{@key}` takes the key as a whole; or `set` a field to `{\(path.text(behind: "@key"))}` and name that")
        }
        self.init(
            template.parts.compactMap { part in
                switch part {
                case .literal(let text): .bytes(Array(text.utf8))
                case .field(let path): .field(path)
                case .key: .key
                case .header(let name): .header(name)
                case .topic: .topic
                case .partition: .partition
                // Not in a template of this use, or refused above.
                case .keyField, .timestamp: nil
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
    /// - Parameter root: the record's value; `nil` for a tombstone, or where no field is needed.
    /// - Returns: why it has none.
    func write(_ record: Record, topic: String, root: JSONValue?, to bytes: inout [UInt8]) -> Rejection? {
        bytes.removeAll(keepingCapacity: true)
        for index in pieces.indices {
            let before = bytes.count
            switch pieces[index] {
            case .bytes(let literal):
                bytes.append(contentsOf: literal)
                continue
            case .field(let path):
                if let rejection = Self.append(root, path, to: &bytes) { return rejection }
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

    private static func append(_ root: JSONValue?, _ path: FieldPath, to bytes: inout [UInt8]) -> Rejection? {
        guard let root else { return noFields(path) }
        guard let value = root.value(at: path) else { return missing(path, "is missing") }
        switch value.type {
        case .string:
            guard !value.hasLoneSurrogate, let text = value.string else { return noText(path) }
            guard !text.isEmpty else { return missing(path, "is empty text") }
            bytes.append(contentsOf: text)
        case .number, .bool: bytes.append(contentsOf: value.text)
        case .null: return missing(path, "is null")
        case .object, .array: return wrongType(path, value.type == .object ? "an object" : "an array")
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

    @inline(never)
    private static func missing(_ path: FieldPath, _ what: String) -> Rejection {
        let field = path.text
        return Rejection(
            code: "missing_field", field: field, explanation: "`\(field)` \(what), and the step tells records apart by it")
    }

    @inline(never)
    private static func noFields(_ path: FieldPath) -> Rejection {
        let field = path.text
        return Rejection(
            code: "missing_field", field: field,
            explanation: "the record has no value (a tombstone), so it has no `\(field)` that the step could tell it from others by; "
                + "`{@key}` works for both")
    }

    @inline(never)
    private static func noText(_ path: FieldPath) -> Rejection {
        let field = path.text
        return Rejection(
            code: "invalid_value", field: field,
            explanation: "`\(field)` holds half of a surrogate pair, which is not text, and the step tells records apart by it")
    }

    @inline(never)
    private static func wrongType(_ path: FieldPath, _ what: String) -> Rejection {
        let field = path.text
        return Rejection(
            code: "wrong_type", field: field,
            explanation: "`\(field)` is \(what), and the step tells records apart by it: it must be text, a number or a boolean")
    }
}

extension RecordKey {
    /// The option `key` of steps that tell records apart.
    static func option(required: Bool, _ documentation: String, example: String) -> Field {
        Field(
            "key", .string(), required: required,
            documentation: documentation + """
                 A template as in names of channels: fields of the value (`{Token}`, `{user.id}`), `{@key}`, `{@header.NAME}`, \
                `{@topic}`, `{@partition}`. At most 1,024 bytes.
                """,
            example: example)
    }
}
