import PatchbayAPI
import PatchbayJSON

/// A value that `set` writes: JSON with placeholders in its texts.
///
/// Thread: any. Immutable.
struct SetValue: Sendable {
    enum Piece: Sendable {
        /// JSON as it stands.
        case bytes([UInt8])
        /// A text that is one placeholder and nothing else: what it stands for, with its type.
        case value(RecordTemplate.Part)
        /// Any other text with placeholders.
        case text([TextPart])
    }

    enum TextPart: Sendable {
        /// Characters with escapes where JSON needs them.
        case bytes([UInt8])
        case placeholder(RecordTemplate.Part)
    }

    private(set) var pieces: [Piece] = []
    /// Whether it asks for fields of the record's key.
    var usesKeyFields: Bool {
        pieces.contains { piece in
            switch piece {
            case .bytes: false
            case .value(let part): part.isKeyField
            case .text(let parts): parts.contains { if case .placeholder(let part) = $0 { part.isKeyField } else { false } }
            }
        }
    }

    /// - Parameter json: one valid JSON text.
    init(json: String) throws(RecordTemplate.Invalid) {
        var parser = JSONParser(limits: .records)
        var json = json
        var value = SetValue()
        let result = json.withUTF8 { text in
            parser.read(UnsafeRawBufferPointer(text)) { root -> RecordTemplate.Invalid? in
                do throws(RecordTemplate.Invalid) {
                    try value.append(root)
                    return nil
                } catch {
                    return error
                }
            }
        }
        switch result {
        case .failure(let problem): throw RecordTemplate.Invalid(problem: "is not accepted: \(problem.explanation)", hint: nil)
        case .success(let invalid?): throw invalid
        case .success(nil): self = value
        }
    }

    private init() {}

    private mutating func append(_ value: JSONValue) throws(RecordTemplate.Invalid) {
        switch value.type {
        case .string: try append(text: value.stringValue ?? "")
        case .array:
            append("[")
            var isFirst = true
            for element in value.elements {
                if !isFirst { append(",") }
                isFirst = false
                try append(element)
            }
            append("]")
        case .object:
            append("{")
            var isFirst = true
            for member in value.members {
                append(isFirst ? "" : ",")
                isFirst = false
                append("\(JSONLiteral.quoted(member.nameString)):")
                try append(member.value)
            }
            append("}")
        default: append(String(decoding: value.text, as: UTF8.self))
        }
    }

    private mutating func append(text: String) throws(RecordTemplate.Invalid) {
        let parts = try RecordTemplate(text, for: .value).parts
        var literals = ""
        for part in parts { if case .literal(let literal) = part { literals += literal } }
        let placeholders = parts.count { if case .literal = $0 { false } else { true } }
        if placeholders == 0 { return append(JSONLiteral.quoted(literals)) }
        if parts.count == 1 { return pieces.append(.value(parts[0])) }
        pieces.append(
            .text(
                parts.map { part in
                    guard case .literal(let literal) = part else { return .placeholder(part) }
                    return .bytes(Array(JSONLiteral.quoted(literal).utf8.dropFirst().dropLast()))
                }))
    }

    private mutating func append(_ json: String) {
        guard case .bytes(let before)? = pieces.last else { return pieces.append(.bytes(Array(json.utf8))) }
        pieces[pieces.count - 1] = .bytes(before + Array(json.utf8))
    }
}

extension RecordTemplate.Part {
    var isKeyField: Bool { if case .keyField = self { true } else { false } }

    /// As a rejection names it.
    var name: String {
        switch self {
        case .literal(let text): text
        case .field(let path): path.text
        case .key: "@key"
        case .keyField(let path): path.text(behind: "@key")
        case .header(let name): "@header.\(name)"
        case .topic: "@topic"
        case .partition: "@partition"
        case .timestamp: "@timestamp"
        }
    }
}

// MARK: Writing

extension SetValue {
    /// What the placeholders of one record are read from.
    struct Source {
        let record: Record
        let topic: String
        let value: JSONValue
        /// `nil` when there is no key, or no value asks for its fields.
        let key: JSONValue?
    }

    enum Problem: Error {
        /// The record doesn't have it.
        case missing(RecordTemplate.Part)
        /// It can't stand in text: a clause that says why.
        case unfit(RecordTemplate.Part, StaticString)
    }

    /// Appends the value that a record gives.
    ///
    /// - Parameter missingIsNull: whether null takes the place of texts with placeholders for what isn't there.
    func append(_ source: Source, missingIsNull: Bool, to bytes: inout [UInt8]) throws(Problem) {
        for index in pieces.indices {
            let start = bytes.count
            do throws(Problem) {
                switch pieces[index] {
                case .bytes(let json): bytes.append(contentsOf: json)
                case .value(let part): try Self.appendValue(part, source, to: &bytes)
                case .text(let parts):
                    bytes.append(UInt8(ascii: "\""))
                    for index in parts.indices {
                        switch parts[index] {
                        case .bytes(let characters): bytes.append(contentsOf: characters)
                        case .placeholder(let part): try Self.appendText(part, source, to: &bytes)
                        }
                    }
                    bytes.append(UInt8(ascii: "\""))
                }
            } catch {
                guard case .missing = error, missingIsNull else { throw error }
                bytes.removeSubrange(start...)
                bytes.append(contentsOf: "null".utf8)
            }
        }
    }

    private static func appendValue(_ part: RecordTemplate.Part, _ source: Source, to bytes: inout [UInt8]) throws(Problem) {
        switch part {
        case .field, .keyField:
            guard let value = field(part, source) else { throw .missing(part) }
            bytes.append(contentsOf: value.text)
        case .partition, .timestamp: try appendText(part, source, to: &bytes)
        case .literal, .key, .header, .topic:
            bytes.append(UInt8(ascii: "\""))
            try appendText(part, source, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
    }

    private static func field(_ part: RecordTemplate.Part, _ source: Source) -> JSONValue? {
        switch part {
        case .field(let path): source.value.value(at: path)
        case .keyField(let path): source.key?.value(at: path)
        default: nil
        }
    }

    private static func appendText(_ part: RecordTemplate.Part, _ source: Source, to bytes: inout [UInt8]) throws(Problem) {
        switch part {
        case .field, .keyField:
            guard let value = field(part, source) else { throw .missing(part) }
            switch value.type {
            // Escapes stay as they are written.
            case .string: bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: value.text.dropFirst().dropLast()))
            case .number, .bool: bytes.append(contentsOf: value.text)
            case .null: throw .missing(part)
            case .array: throw .unfit(part, "is an array, which can't stand in text")
            case .object: throw .unfit(part, "is an object, which can't stand in text")
            }
        case .key: try appendBytes(source.record.key, part, to: &bytes)
        case .header(let name): try appendBytes(source.record.headers.last(named: name), part, to: &bytes)
        case .literal(let text): append(text, to: &bytes)
        case .topic: append(source.topic, to: &bytes)
        case .partition: JSONText.appendInteger(source.record.partition, to: &bytes)
        case .timestamp:
            guard source.record.timestampMilliseconds >= 0 else { throw .missing(part) }
            JSONText.appendInteger(source.record.timestampMilliseconds, to: &bytes)
        }
    }

    private static func appendBytes(
        _ text: UnsafeRawBufferPointer?, _ part: RecordTemplate.Part, to bytes: inout [UInt8]
    ) throws(Problem) {
        guard let text else { throw .missing(part) }
        guard JSONText.isUTF8(text) else { throw .unfit(part, "is not text in UTF-8") }
        JSONText.appendCharacters(validUTF8: text, to: &bytes)
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { JSONText.appendCharacters(validUTF8: UnsafeRawBufferPointer($0), to: &bytes) }
    }
}
