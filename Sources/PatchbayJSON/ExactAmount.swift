/// Amounts written as `digits` or `digits.digits`, with a `-` in front where their kind allows it; computed with digit by digit, so that
/// none gets lost.
///
/// Thread: any.
enum ExactAmount {
    /// Bytes of the longest amount that is multiplied: the time grows with the product of two lengths.
    static let mostBytes = 400

    /// The amount as a JSON number with the same digits; zeros in front, which JSON doesn't have, are left out.
    static func appendNumber(_ amount: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        var start = 0
        // Not `first`: builds without optimization allocate for it.
        if !amount.isEmpty, amount[0] == UInt8(ascii: "-") {
            bytes.append(UInt8(ascii: "-"))
            start = 1
        }
        while start + 1 < amount.count, amount[start] == UInt8(ascii: "0"), amount[start + 1] != UInt8(ascii: ".") { start += 1 }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: amount[start..<amount.count]))
    }

    /// The product, without zeros that say nothing at either end. Both must be of kind `decimal`.
    static func appendProduct(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let (a, b) = (Digits(left), Digits(right))
        let start = bytes.count
        // One more than the digits: it stays 0 and makes room for the point.
        let count = 1 + a.count + b.count
        for _ in 0..<count { bytes.append(0) }
        // As on paper, from the last digit to the first. Plain loops: they allocate nothing in builds without optimization either.
        var i = a.count - 1
        while i >= 0 {
            var carry: UInt8 = 0
            var j = b.count - 1
            while j >= 0 {
                let place = start + i + j + 2
                let sum = bytes[place] + a[i] * b[j] + carry
                bytes[place] = sum % 10
                carry = sum / 10
                j -= 1
            }
            bytes[start + i + 1] = carry
            i -= 1
        }
        write(digits: count, behindPoint: a.behindPoint + b.behindPoint, at: start, of: &bytes)
    }

    /// Makes text of digits, in their place. The first of them is 0 and not the last in front of the point.
    private static func write(digits count: Int, behindPoint: Int, at start: Int, of bytes: inout [UInt8]) {
        let point = start + count - behindPoint
        var first = start
        while first < point - 1, bytes[first] == 0 { first += 1 }
        var end = start + count
        while end > point, bytes[end - 1] == 0 { end -= 1 }
        // Never ahead of what is still to be read.
        var target = start
        for place in first..<end {
            let digit = bytes[place] + UInt8(ascii: "0")
            if place == point {
                bytes[target] = UInt8(ascii: ".")
                target += 1
            }
            bytes[target] = digit
            target += 1
        }
        bytes.removeLast(bytes.count - target)
    }

    /// The digits of an amount, without its point.
    private struct Digits {
        private let text: UnsafeRawBufferPointer
        private let point: Int
        let count: Int
        let behindPoint: Int

        init(_ text: UnsafeRawBufferPointer) {
            self.text = text
            var point = text.count
            for index in text.indices where text[index] == UInt8(ascii: ".") { point = index }
            self.point = point
            count = point == text.count ? text.count : text.count - 1
            behindPoint = count - point
        }

        subscript(index: Int) -> UInt8 { text[index < point ? index : index + 1] - UInt8(ascii: "0") }
    }
}
