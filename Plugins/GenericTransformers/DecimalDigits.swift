/// A decimal number as it stands in a text, by its digits: nothing is rounded, whatever its size, and nothing is allocated.
///
/// Thread: any. Valid as long as the text.
struct DecimalDigits {
    let isNegative: Bool
    /// Whether JSON writes numbers this way: no plus sign, no zeros in front.
    let isJSON: Bool
    private let text: UnsafeRawBufferPointer
    /// Where the digits before and behind the point are.
    private let whole: Range<Int>
    private let fraction: Range<Int>
    /// The value is the digits with the point behind the whole ones, times ten to this power.
    private let exponent: Int

    /// Most digits that are written out: `1e1000000000` is 12 bytes long, and its digits would fill the memory.
    static let mostDigits = 1000

    /// - Returns: `nil` for what is no number: digits, with a sign, a fraction or an exponent as wanted.
    init?(_ text: UnsafeRawBufferPointer) {
        var index = 0
        let sign = Self.byte(text, 0)
        isNegative = sign == UInt8(ascii: "-")
        if isNegative || sign == UInt8(ascii: "+") { index += 1 }
        whole = Self.digits(text, from: index)
        guard !whole.isEmpty else { return nil }
        isJSON = sign != UInt8(ascii: "+") && (whole.count == 1 || text[whole.lowerBound] != 0x30)
        index = whole.upperBound
        if Self.byte(text, index) == UInt8(ascii: ".") {
            fraction = Self.digits(text, from: index + 1)
            guard !fraction.isEmpty else { return nil }
            index = fraction.upperBound
        } else {
            fraction = index..<index
        }
        var exponent = 0
        if Self.byte(text, index) | 0x20 == UInt8(ascii: "e") {
            let isDown = Self.byte(text, index + 1) == UInt8(ascii: "-")
            let isSigned = isDown || Self.byte(text, index + 1) == UInt8(ascii: "+")
            let power = Self.digits(text, from: index + (isSigned ? 2 : 1))
            guard !power.isEmpty else { return nil }
            // Far beyond what is written out, and far below where a sum could overflow.
            for place in power { exponent = min(exponent * 10 + Int(text[place] - 0x30), 1_000_000_000) }
            if isDown { exponent = -exponent }
            index = power.upperBound
        }
        guard index == text.count else { return nil }
        self.exponent = exponent
        self.text = text
    }

    /// 0 behind the end.
    private static func byte(_ text: UnsafeRawBufferPointer, _ index: Int) -> UInt8 { index < text.count ? text[index] : 0 }

    private static func digits(_ text: UnsafeRawBufferPointer, from start: Int) -> Range<Int> {
        var end = start
        while end < text.count, text[end] >= 0x30, text[end] <= 0x39 { end += 1 }
        return start..<end
    }

    /// Whether it stands in the text as an integer: no fraction, no exponent.
    var isPlainInteger: Bool { fraction.isEmpty && exponent == 0 }

    /// Whether it has no exponent.
    var isPlain: Bool { exponent == 0 }

    private var count: Int { whole.count + fraction.count }

    private func digit(_ index: Int) -> UInt8 {
        text[index < whole.count ? whole.lowerBound + index : fraction.lowerBound + index - whole.count]
    }

    /// Where the point is, in digits from the first one; may lie outside them.
    private var point: Int { whole.count + exponent }

    private var firstSignificant: Int? {
        for index in 0..<count where digit(index) != 0x30 { return index }
        return nil
    }

    /// Appends all digits without an exponent and without needless zeros in front; zeros at the end stay.
    ///
    /// - Returns: `false`, and nothing appended, when those would be too many.
    func appendPlain(to bytes: inout [UInt8]) -> Bool {
        // Zero has as many zeros behind the point as were written there.
        let point = firstSignificant == nil ? whole.count : self.point
        let zerosBefore = max(0, -point)
        let zerosBehind = max(0, point - count)
        guard zerosBefore < Self.mostDigits, zerosBehind < Self.mostDigits, count + zerosBefore + zerosBehind <= Self.mostDigits else {
            return false
        }
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        appendDigits(min(firstSignificant ?? count, max(0, point)), max(0, point), to: &bytes)
        if bytes.count == start { bytes.append(0x30) }
        if point < count {
            bytes.append(UInt8(ascii: "."))
            for _ in 0..<zerosBefore { bytes.append(0x30) }
            for index in max(0, point)..<count { bytes.append(digit(index)) }
        }
        return true
    }

    /// Appends an integer without zeros in front.
    ///
    /// - Returns: `false`, and nothing appended, when it is none, or too long.
    func appendInteger(to bytes: inout [UInt8]) -> Bool {
        guard let first = firstSignificant else {
            bytes.append(0x30)
            return true
        }
        let point = self.point
        guard point <= Self.mostDigits, point > first, isZero(from: max(0, point)) else { return false }
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        appendDigits(first, point, to: &bytes)
        return true
    }

    /// Digits of these places, zeros where there are none any more.
    private func appendDigits(_ start: Int, _ end: Int, to bytes: inout [UInt8]) {
        var index = start
        while index < end {
            bytes.append(index < count ? digit(index) : 0x30)
            index += 1
        }
    }

    private func isZero(from index: Int) -> Bool {
        var index = index
        while index < count {
            if digit(index) != 0x30 { return false }
            index += 1
        }
        return true
    }

    /// The number times ten to a power as seconds and nanoseconds, when that is an integer of nanoseconds within some 30,000 years.
    func seconds(nanosecondsAreTenTo power: Int) -> (seconds: Int, nanoseconds: Int)? {
        guard let first = firstSignificant else { return (0, 0) }
        let end = point + power
        guard end > first, end - first <= 21, isZero(from: max(0, end)) else { return nil }
        let middle = max(first, end - 9)
        let (seconds, nanoseconds) = (number(first, end - 9), number(middle, end))
        guard isNegative else { return (seconds, nanoseconds) }
        return nanoseconds == 0 ? (-seconds, 0) : (-seconds - 1, 1_000_000_000 - nanoseconds)
    }

    /// Of the digits of these places, 18 at the most; zeros where there are none any more.
    private func number(_ start: Int, _ end: Int) -> Int {
        var value = 0
        var index = start
        while index < end {
            value = value * 10 + (index < count ? Int(digit(index) - 0x30) : 0)
            index += 1
        }
        return value
    }
}
