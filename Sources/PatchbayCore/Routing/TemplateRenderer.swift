import PatchbayAPI

/// Renders the channel names that a route's templates make of a record and its output.
///
/// Thread: consumer.
final class TemplateRenderer {
    let templates: [ChannelTemplate]
    private let parts: [[Piece]]
    private let outputFields: RenderedFields
    private let keyFields: RenderedFields

    private enum Piece {
        case bytes([UInt8])
        case field(Int)
        case key
        case keyField(Int)
        case header(String)
        case topic
        case partition
    }

    init(_ templates: [ChannelTemplate], makeFieldReader: ([FieldPath]) -> any FieldReader) {
        self.templates = templates
        var (next, nextOfKey) = (0, 0)
        parts = templates.map { template in
            template.parts.compactMap { (part: ChannelTemplate.Part) -> Piece? in
                switch part {
                case .literal(let text): return .bytes(Array(text.utf8))
                case .field:
                    defer { next += 1 }
                    return .field(next)
                case .key: return .key
                case .keyField:
                    defer { nextOfKey += 1 }
                    return .keyField(nextOfKey)
                case .header(let name): return .header(name)
                case .topic: return .topic
                case .partition: return .partition
                // No template of a channel has one.
                case .timestamp: return nil
                }
            }
        }
        outputFields = RenderedFields(
            templates.flatMap(\.fieldPaths), withoutText: "is missing, since the record has no value (a tombstone)", makeFieldReader)
        keyFields = RenderedFields(templates.flatMap(\.keyPaths), withoutText: "is missing", makeFieldReader)
    }

    /// Looks up the fields of one output and of its record's key; to be called before `render`.
    ///
    /// - Parameter data: `nil` for a deletion, which has no fields.
    func read(_ data: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer?) {
        outputFields.read(data)
        keyFields.read(key)
    }

    /// Writes the name that template `index` makes into `name`, replacing what is there.
    ///
    /// - Returns: why it can't.
    func render(_ index: Int, record: Record, topic: String, into name: inout [UInt8]) -> Rejection? {
        name.removeAll(keepingCapacity: true)
        for (position, piece) in parts[index].enumerated() {
            let before = name.count
            switch piece {
            case .bytes(let bytes):
                name.append(contentsOf: bytes)
                continue
            case .field(let number):
                outputFields.append(number, to: &name)
            case .key:
                if let key = record.key { name.append(contentsOf: key) }
            case .keyField(let number):
                keyFields.append(number, to: &name)
            case .header(let header):
                if let value = record.headers.last(named: header) { name.append(contentsOf: value) }
            case .topic:
                name.append(contentsOf: topic.utf8)
            case .partition:
                JSONText.appendInteger(record.partition, to: &name)
            }
            if name.count == before { return missing(index, position, record) }
            // Before the next part is added: values may be large.
            if name.count > ChannelName.maximumBytes { return tooLong(templates[index]) }
        }
        return ChannelName.fault(in: name).map { invalid($0, templates[index]) }
    }

    // MARK: Rejections; they build strings, so they are kept off the common path

    @inline(never)
    private func missing(_ index: Int, _ position: Int, _ record: Record) -> Rejection {
        let template = templates[index]
        let (field, what) =
            switch (template.parts[position], parts[index][position]) {
            case (.field(let path), .field(let number)): (path.text, "\(outputFields.reason(number))")
            case (.keyField, .keyField) where record.key == nil: ("@key", "is missing")
            case (.keyField(let path), .keyField(let number)): (path.text(behind: "@key"), "\(keyFields.reason(number))")
            case (.header(let name), _):
                ("@header.\(name)", record.headers.last(named: name) == nil ? "is missing" : "is empty text")
            default: ("@key", record.key == nil ? "is missing" : "is empty text")
            }
        return Rejection(
            code: "channel_unrenderable", field: field,
            explanation: "no channel can be made of `\(template.text)`: `\(field)` \(what), and it must be non-empty text, a "
                + "number or a boolean")
    }

    @inline(never)
    private func invalid(_ fault: ChannelName.Fault, _ template: ChannelTemplate) -> Rejection {
        switch fault {
        case .tooLong: tooLong(template)
        case .empty, .unprintable: unprintable(template)
        }
    }

    @inline(never)
    private func tooLong(_ template: ChannelTemplate) -> Rejection {
        Rejection(
            code: "channel_unrenderable",
            explanation: "the channel made of `\(template.text)` would have more than \(ChannelName.maximumBytes) bytes")
    }

    @inline(never)
    private func unprintable(_ template: ChannelTemplate) -> Rejection {
        Rejection(
            code: "channel_unrenderable",
            explanation: "the channel made of `\(template.text)` would contain control characters, line breaks or "
                + "marks that change the direction of text")
    }

    /// Why a name that was rendered is no name.
    @inline(never)
    func invalidText(_ index: Int) -> Rejection {
        Rejection(
            code: "channel_unrenderable",
            explanation: "the channel made of `\(templates[index].text)` would not be valid UTF-8")
    }
}

/// The fields of one JSON text that names are made of.
///
/// Thread: consumer.
private final class RenderedFields {
    private let reader: (any FieldReader)?
    /// The fields of the text in hand, one after the other.
    private var bytes: [UInt8] = []
    /// Where each of them is.
    private var ranges: [Range<Int>?]
    /// Why one is nowhere: a literal, so that keeping it costs nothing.
    private var reasons: [StaticString]

    private let withoutText: StaticString

    /// - Parameter withoutText: why a field is missing where there is no text at all.
    init(_ paths: [FieldPath], withoutText: StaticString, _ makeFieldReader: ([FieldPath]) -> any FieldReader) {
        self.withoutText = withoutText
        ranges = Array(repeating: nil, count: paths.count)
        reasons = Array(repeating: "is missing", count: paths.count)
        reader = paths.isEmpty ? nil : makeFieldReader(paths)
    }

    func read(_ text: UnsafeRawBufferPointer?) {
        guard let reader else { return }
        bytes.removeAll(keepingCapacity: true)
        for index in ranges.indices {
            ranges[index] = nil
            reasons[index] = text == nil ? withoutText : "is missing"
        }
        guard let text else { return }
        let isRead = reader.read(text) { index, field in
            guard ranges.indices.contains(index) else { return }
            switch field {
            case .text(let text):
                let start = bytes.count
                bytes.append(contentsOf: text)
                ranges[index] = start..<bytes.count
                reasons[index] = "is empty text"
            case .missing: break
            case .null: reasons[index] = "is null"
            case .object: reasons[index] = "is an object"
            case .array: reasons[index] = "is an array"
            case .loneSurrogate: reasons[index] = "holds half of a surrogate pair, which is not text"
            }
        }
        if isRead { return }
        for index in reasons.indices { reasons[index] = "is not to be found, because what should hold it is not JSON" }
    }

    func append(_ index: Int, to name: inout [UInt8]) {
        if let range = ranges[index] { name.append(contentsOf: bytes[range]) }
    }

    func reason(_ index: Int) -> StaticString { reasons[index] }
}
