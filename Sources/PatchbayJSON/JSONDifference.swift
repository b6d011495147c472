import PatchbayAPI

/// One place where two JSON texts differ in what they say: the order of members and the way numbers are written don't
/// count. Names and texts are compared by their bytes, numbers by their decimal value, exactly.
public struct JSONDifference: Sendable, Equatable {
    /// Such as `.items[0].price`; empty for the whole.
    public let path: String
    /// `nil` when nothing is expected there.
    public let expected: String?
    /// `nil` when nothing is there.
    public let actual: String?

    /// In the order of the expected text. A text that isn't JSON differs as a whole.
    public static func between(expected: String, actual: String) -> [JSONDifference] {
        guard let left = Tree(json: expected), let right = Tree(json: actual) else {
            return expected.hasSameBytes(as: actual) ? [] : [JSONDifference(path: "", expected: expected, actual: actual)]
        }
        var differences: [JSONDifference] = []
        compare(left, right, path: "", into: &differences)
        return differences
    }

    private static func compare(_ left: Tree, _ right: Tree, path: String, into differences: inout [JSONDifference]) {
        switch (left.content, right.content) {
        case (.object(let expected), .object(let actual)):
            for (name, value) in expected {
                let path = "\(path).\(name)"
                if let other = actual.last(where: { $0.name == name })?.value {
                    compare(value, other, path: path, into: &differences)
                } else {
                    differences.append(JSONDifference(path: path, expected: value.text, actual: nil))
                }
            }
            for (name, value) in actual where !expected.contains(where: { $0.name == name }) {
                differences.append(JSONDifference(path: "\(path).\(name)", expected: nil, actual: value.text))
            }
        case (.array(let expected), .array(let actual)):
            for index in 0..<max(expected.count, actual.count) {
                let path = "\(path)[\(index)]"
                switch (expected.indices.contains(index), actual.indices.contains(index)) {
                case (true, true): compare(expected[index], actual[index], path: path, into: &differences)
                case (true, false):
                    differences.append(JSONDifference(path: path, expected: expected[index].text, actual: nil))
                default: differences.append(JSONDifference(path: path, expected: nil, actual: actual[index].text))
                }
            }
        case (.scalar(let expected), .scalar(let actual)) where expected == actual: break
        default: differences.append(JSONDifference(path: path, expected: left.text, actual: right.text))
        }
    }
}

/// A JSON text that outlives its parser.
private struct Tree {
    indirect enum Content {
        case object([(name: ByteString, value: Tree)])
        case array([Tree])
        case scalar(Scalar)
    }

    enum Scalar: Equatable {
        case string(ByteString)
        case word(ByteString)
        case number(JSONDecimal)
    }

    let content: Content
    /// As written.
    let text: String

    init?(json: String) {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 1 << 30))
        var json = json
        let result = json.withUTF8 { parser.read(UnsafeRawBufferPointer($0)) { Tree($0) } }
        guard case .success(let tree) = result else { return nil }
        self = tree
    }

    private init(_ value: JSONValue) {
        text = String(decoding: value.text, as: UTF8.self)
        content =
            switch value.type {
            case .object: .object(value.members.map { (ByteString($0.nameString), Tree($0.value)) })
            case .array: .array(value.elements.map { Tree($0) })
            case .string:
                // What stands for no text is compared as it is written.
                .scalar(.string(ByteString(value.hasLoneSurrogate ? text : value.stringValue ?? "")))
            case .number: .scalar(.number(JSONDecimal(validated: value.text)))
            case .null, .bool: .scalar(.word(ByteString(text)))
            }
    }
}
