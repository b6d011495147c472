import TestSupport
import Testing

@testable import PatchbayJSON

@Suite("Exact amounts")
struct ExactAmountTests {
    private func product(_ left: String, _ right: String) -> String {
        // Behind something, as in a message.
        var bytes = Array("x".utf8)
        Array(left.utf8).withUnsafeBytes { left in
            Array(right.utf8).withUnsafeBytes { ExactAmount.appendProduct(left, $0, to: &bytes) }
        }
        return String(decoding: bytes.dropFirst(), as: UTF8.self)
    }

    @Test(
        "Products have every digit and no zeros that say nothing",
        arguments: [
            ("0.400000", "2500.500000", "1000.2"), ("0", "123", "0"), ("0.0", "0.00", "0"), ("1", "1", "1"), ("10", "10", "100"),
            ("9", "9", "81"), ("0.5", "0.5", "0.25"), ("0.1", "10", "1"), ("007.50", "02", "15"), ("000", "000.000", "0"),
            ("99999999999999999999", "99999999999999999999", "9999999999999999999800000000000000000001"),
            (
                "0.000000000000000000000000000001", "0.000000000000000000000000000001",
                "0.000000000000000000000000000000000000000000000000000000000001"
            ),
            ("123456789.987654321", "1000", "123456789987.654321"), ("0.01", "0.1", "0.001"), ("1.0", "0.10", "0.1"), ("12.5", "8", "100"),
        ])
    func products(left: String, right: String, expected: String) {
        #expect(product(left, right) == expected)
        #expect(product(right, left) == expected)
    }

    /// Against arithmetic with integers, wherever the points are.
    @Test("Products are those of whole numbers, moved by the points") func agrees() {
        var random = SeededGenerator(state: 4)
        for _ in 0..<5_000 {
            let (a, b) = (UInt64.random(in: 0..<4_000_000_000, using: &random), UInt64.random(in: 0..<4_000_000_000, using: &random))
            func written(_ value: UInt64, _ places: Int) -> String {
                var digits = String(value)
                while digits.count <= places { digits = "0" + digits }
                return places == 0 ? digits : "\(digits.dropLast(places)).\(digits.suffix(places))"
            }
            let (left, right) = (Int.random(in: 0...9, using: &random), Int.random(in: 0...9, using: &random))
            let text = product(written(a, left), written(b, right))
            #expect(JSONDecimal(text) == JSONDecimal("\(a * b)e-\(left + right)"), "\(written(a, left)) × \(written(b, right)) = \(text)")
            #expect(!text.contains(".") || text.last != "0")
        }
    }

    @Test(
        "A number has the amount's digits",
        arguments: [
            ("0.400000", "0.400000"), ("007.50", "7.50"), ("0", "0"), ("000", "0"), ("00.1", "0.1"), ("-01.5", "-1.5"), ("-0", "-0"),
        ])
    func numbers(amount: String, number: String) {
        var bytes: [UInt8] = []
        Array(amount.utf8).withUnsafeBytes { ExactAmount.appendNumber($0, to: &bytes) }
        #expect(String(decoding: bytes, as: UTF8.self) == number)
        #expect(JSONDecimal(number) != nil)
    }
}
