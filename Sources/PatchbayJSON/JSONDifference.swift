/// One place where two JSON texts differ in what they say: the order of members and the way numbers are written don't
/// count.
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
            return expected == actual ? [] : [JSONDifference(path: "", expected: expected, actual: actual)]
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
        case object([(name: String, value: Tree)])
        case array([Tree])
        case scalar(Scalar)
    }

    enum Scalar: Equatable {
        case string(String)
        case word(String)
        case number(Decimal)
    }

    /// A number without the ways in which the same one can be written.
    struct Decimal: Equatable {
        var isNegative: Bool
        /// Without zeros at either end; empty for zero.
        var digits: [UInt8]
        /// The power of ten of the last digit; `nil` for an exponent too large to count.
        var exponent: Int?

        init(_ text: UnsafeRawBufferPointer) {
            var digits: [UInt8] = []
            var exponent: Int? = 0
            var rest = text[...]
            isNegative = rest.first == UInt8(ascii: "-")
            if isNegative { rest = rest.dropFirst() }
            var isFraction = false
            while let byte = rest.first, byte != UInt8(ascii: "e"), byte != UInt8(ascii: "E") {
                rest = rest.dropFirst()
                if byte == UInt8(ascii: ".") {
                    isFraction = true
                    continue
                }
                digits.append(byte)
                if isFraction { exponent? -= 1 }
            }
            if !rest.isEmpty {
                let written = Int(String(decoding: rest.dropFirst(), as: UTF8.self).filter { $0 != "+" })
                exponent = written.flatMap { value in
                    exponent.flatMap {
                        let (sum, overflows) = $0.addingReportingOverflow(value)
                        return overflows ? nil : sum
                    }
                }
            }
            while digits.last == UInt8(ascii: "0") {
                digits.removeLast()
                exponent? += 1
            }
            digits = Array(digits.drop { $0 == UInt8(ascii: "0") })
            self.digits = digits
            self.exponent = digits.isEmpty ? 0 : exponent
            if digits.isEmpty { isNegative = false }
        }
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
            case .object: .object(value.members.map { ($0.nameString, Tree($0.value)) })
            case .array: .array(value.elements.map { Tree($0) })
            case .string: .scalar(.string(value.stringValue ?? ""))
            case .number: .scalar(.number(Decimal(value.text)))
            case .null, .bool: .scalar(.word(text))
            }
    }
}
