import PatchbayAPI
import PatchbayJSON

/// Numbers as jq 1.6 has them: doubles.
enum JQNumber {
    /// Whether jq gives back the same number, however it is written then.
    ///
    /// - Parameter text: a number as JSON writes it.
    static func isExact(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
        // Fifteen decimal digits fit into a double, wherever the point is.
        if text.count <= 15, !text.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) { return true }
        return isExact(String(decoding: text, as: UTF8.self))
    }

    /// The same of a number in a program.
    static func isExact(_ text: String) -> Bool {
        guard let double = Double(text), double.isFinite, let given = JSONDecimal(text) else { return false }
        var bytes: [UInt8] = []
        append(double, to: &bytes)
        return JSONDecimal(String(decoding: bytes, as: UTF8.self)) == given
    }

    /// The shortest text that reads back as the same double, whole numbers in digits only where they aren't long.
    static func append(_ number: Double, to bytes: inout [UInt8]) {
        if number == 0 {
            if number.sign == .minus { bytes.append(UInt8(ascii: "-")) }
            bytes.append(UInt8(ascii: "0"))
        } else if number.magnitude < 1e17, let whole = Int64(exactly: number) {
            JSONText.appendInteger(whole, to: &bytes)
        } else {
            bytes.append(contentsOf: number.description.utf8)
        }
    }
}

/// What of a record jq would change without a word: long numbers, and names that occur twice. Both are rare, so the text is looked
/// through once, and only what is found costs more.
///
/// Thread: any. Immutable.
struct JQRecord {
    /// Places of the numbers that jq would change, in order.
    private(set) var longNumbers: [Range<Int>] = []
    /// Members of all objects.
    private(set) var names = 0

    /// - Parameter json: checked.
    init(_ json: UnsafeRawBufferPointer) {
        var index = 0
        while index < json.count {
            switch json[index] {
            case UInt8(ascii: "\""):
                index += 1
                while index < json.count, json[index] != UInt8(ascii: "\"") { index += json[index] == UInt8(ascii: "\\") ? 2 : 1 }
                index += 1
            case UInt8(ascii: ":"):
                names += 1
                index += 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                let start = index
                while index < json.count, Self.isOfNumber(json[index]) { index += 1 }
                if !JQNumber.isExact(json[start..<index]) { longNumbers.append(start..<index) }
            default: index += 1
            }
        }
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"),
            UInt8(ascii: "E"):
            true
        default: false
        }
    }

    /// The record with these numbers as text.
    func quoted(_ json: UnsafeRawBufferPointer) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(json.count + 2 * longNumbers.count)
        var start = 0
        for place in longNumbers {
            bytes.append(contentsOf: json[start..<place.lowerBound])
            bytes.append(UInt8(ascii: "\""))
            bytes.append(contentsOf: json[place])
            bytes.append(UInt8(ascii: "\""))
            start = place.upperBound
        }
        bytes.append(contentsOf: json[start...])
        return bytes
    }

    // MARK: For people

    /// The way to the first number that jq would change, or to the first name that occurs twice; empty when it is the whole record.
    static func path(in root: JSONValue, toDuplicate: Bool) -> String { path(root, "", toDuplicate) ?? "" }

    private static func path(_ value: JSONValue, _ way: String, _ toDuplicate: Bool) -> String? {
        switch value.type {
        case .number:
            return toDuplicate || JQNumber.isExact(value.text[...]) ? nil : way
        case .array:
            for (index, element) in value.elements.enumerated() {
                if let found = path(element, "\(way)[\(index)]", toDuplicate) { return found }
            }
        case .object:
            var seen: Set<[UInt8]> = []
            for member in value.members {
                let name = member.nameString
                let inner = way.isEmpty ? name : "\(way).\(name)"
                if toDuplicate, !seen.insert(Array(name.utf8)).inserted { return inner }
                if let found = path(member.value, inner, toDuplicate) { return found }
            }
        default: break
        }
        return nil
    }
}
