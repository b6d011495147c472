public import PatchbayAPI

/// Looks up scalar fields of JSON data in one parse, for channel names that depend on them.
///
/// Thread: consumer.
public final class JSONFieldReader: FieldReader {
    private let paths: [[String]]
    private var parser = JSONParser()

    public init(paths: [[String]]) { self.paths = paths }

    public func read(
        _ data: UnsafeRawBufferPointer, _ take: (_ index: Int, _ text: UnsafeRawBufferPointer?) -> Void
    ) -> Bool {
        let result = parser.read(data) { root in
            for (index, path) in paths.enumerated() { take(index, Self.text(of: root, path)) }
        }
        if case .success = result { return true }
        return false
    }

    private static func text(of root: JSONValue, _ path: [String]) -> UnsafeRawBufferPointer? {
        var value = root
        for name in path {
            guard value.type == .object, let member = value[name] else { return nil }
            value = member
        }
        switch value.type {
        case .string: return value.string
        case .number, .bool: return value.text
        case .null, .array, .object: return nil
        }
    }
}
