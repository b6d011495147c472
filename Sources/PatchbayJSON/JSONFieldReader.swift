public import PatchbayAPI

/// Looks up scalar fields of JSON data in one parse, for channel names that depend on them.
///
/// Thread: consumer.
public final class JSONFieldReader: FieldReader {
    private let paths: [FieldPath]
    private var parser = JSONParser(limits: .records)

    public init(paths: [FieldPath]) { self.paths = paths }

    public func read(
        _ data: UnsafeRawBufferPointer, _ take: (_ index: Int, _ field: FoundField) -> Void
    ) -> Bool {
        let result = parser.read(data) { root in
            for (index, path) in paths.enumerated() { take(index, Self.field(of: root, path)) }
        }
        if case .success = result { return true }
        return false
    }

    private static func field(of root: JSONValue, _ path: FieldPath) -> FoundField {
        guard let value = root.value(at: path) else { return .missing }
        switch value.type {
        case .string:
            if value.hasLoneSurrogate { return .loneSurrogate }
            return value.string.map(FoundField.text) ?? .missing
        case .number, .bool: return .text(value.text)
        case .null: return .null
        case .array: return .array
        case .object: return .object
        }
    }
}
