/// A JSON number by its decimal value, exactly: `1`, `1.0`, `10e-1` are the same, `9007199254740993` and
/// `9007199254740992` are not, and `1e400` is neither too large nor rounded.
///
/// Nothing is ever written out: digits and exponent are kept as they stand, so `1e999999999999999999999` costs as much as
/// its text is long.
///
/// Thread: any. Immutable.
public struct JSONDecimal: Sendable, Hashable {
    /// The value is 0.DIGITS times ten to this power.
    private struct Exponent: Hashable {
        var isNegative = false
        /// Decimal digits as numbers from 0 to 9, the first one not 0; empty for zero.
        var digits: [UInt8] = []
    }

    private let isNegative: Bool
    /// Decimal digits as numbers from 0 to 9, without zeros at either end; empty for zero.
    private let digits: [UInt8]
    private let exponent: Exponent

    /// - Parameter text: one number as JSON writes it (RFC 8259, section 6); `nil` when it is none.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard Self.isNumber(bytes) else { return nil }
        self = bytes.withUnsafeBytes { JSONDecimal(validated: $0) }
    }

    /// - Parameter text: a number that a parser has accepted.
    init(validated text: UnsafeRawBufferPointer) {
        let isNegative = text.first == UInt8(ascii: "-")
        let unsigned = isNegative ? text.dropFirst() : text[...]
        let mantissa = unsigned.prefix { $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "E") }
        let whole = mantissa.prefix { $0 != UInt8(ascii: ".") }
        let written = (Array(whole) + Array(mantissa[whole.endIndex...].dropFirst())).map { $0 - UInt8(ascii: "0") }
        let leadingZeros = written.prefix { $0 == 0 }.count
        var digits = Array(written[leadingZeros...])
        while digits.last == 0 { digits.removeLast() }
        self.digits = digits
        self.isNegative = isNegative && !digits.isEmpty
        exponent =
            digits.isEmpty
            ? Exponent() : Self.exponent(unsigned[mantissa.endIndex...].dropFirst(), plus: whole.count - leadingZeros)
    }

    /// - Parameter text: digits with their sign, or nothing for zero.
    private static func exponent(_ text: Slice<UnsafeRawBufferPointer>, plus shift: Int) -> Exponent {
        let isNegative = text.first == UInt8(ascii: "-")
        let isSigned = isNegative || text.first == UInt8(ascii: "+")
        let digits = Array((isSigned ? text.dropFirst() : text).drop { $0 == UInt8(ascii: "0") }.map { $0 - UInt8(ascii: "0") })
        // No text is so long that the shift would not fit beside 17 digits.
        if digits.count <= 17 {
            let written = digits.reduce(0) { $0 * 10 + Int($1) }
            let sum = (isNegative ? -written : written) + shift
            return Exponent(isNegative: sum < 0, digits: Self.digits(of: sum.magnitude))
        }
        return Exponent(isNegative: isNegative, digits: added(isNegative ? -shift : shift, to: digits))
    }

    private static func digits(of number: UInt) -> [UInt8] {
        var digits: [UInt8] = []
        var rest = number
        while rest > 0 {
            digits.append(UInt8(rest % 10))
            rest /= 10
        }
        return digits.reversed()
    }

    /// By hand, from the last digit on. The sum of a number of 18 digits or more and of any text's length stays above zero.
    private static func added(_ amount: Int, to digits: [UInt8]) -> [UInt8] {
        var digits = digits
        var carry = amount
        var index = digits.count
        while carry != 0, index > 0 {
            index -= 1
            let sum = Int(digits[index]) + carry
            let digit = ((sum % 10) + 10) % 10
            digits[index] = UInt8(digit)
            carry = (sum - digit) / 10
        }
        if carry > 0 { digits = Self.digits(of: carry.magnitude) + digits }
        return Array(digits.drop { $0 == 0 })
    }

    private static func isNumber(_ text: [UInt8]) -> Bool {
        var rest = text[...]
        func digits() -> Int {
            let found = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(found.count)
            return found.count
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        let startsWithZero = rest.first == UInt8(ascii: "0")
        let whole = digits()
        guard whole == 1 || whole > 1 && !startsWithZero else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard digits() > 0 else { return false }
        }
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard digits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
