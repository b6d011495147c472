import PatchbayJSON
import TestSupport
import Testing

/// `patchbay test` read expected numbers as doubles: two integers that differ behind 2^53 were the same, and
/// `18446744073709551615`, long decimals and `1e400` failed or passed wrongly. Numbers are compared by their decimal
/// value now, exactly, and in time that depends on how long they are written and not on how large they are.
@Suite struct DecimalTests {
    @Test(arguments: [
        ("1", "1.0"), ("1", "10e-1"), ("1", "0.1E+1"), ("0", "-0"), ("0", "0.000"), ("0", "0e999999999999999999999999"),
        ("-0.0", "0"), ("100", "1e2"), ("0.001", "1e-3"), ("18446744073709551615", "18446744073709551615.0"),
        ("1e400", "10e399"), ("1e400", "0.00001e405"), ("-12.50", "-125e-1"),
        ("1e1000000000000000000000", "10e999999999999999999999"), ("1e-1000000000000000000000", "0.1e-999999999999999999999"),
        ("100e-1000000000000000000000", "1e-999999999999999999998"), ("1e00000000000000000000000000001", "10"),
        ("1e100000000000000000", "10e99999999999999999"), ("1e1000000000000000000", "0.1e1000000000000000001"),
        ("1e999999999999999999", "0.01e1000000000000000001"), ("1e-999999999999999999", "10e-1000000000000000000"),
    ])
    func isTheSame(left: String, right: String) throws {
        let (left, right) = (try #require(JSONDecimal(left)), try #require(JSONDecimal(right)))
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
    }

    @Test(arguments: [
        ("9007199254740993", "9007199254740992"), ("18446744073709551615", "18446744073709551616"),
        ("0.1", "0.1000000000000000055511151231257827"), ("1e400", "1e401"), ("1e400", "-1e400"), ("1", "-1"), ("1", "10"),
        ("1e1000000000000000000000", "1e1000000000000000000001"), ("1e-400", "0"), ("1e99999999999999999999", "1e-99999999999999999999"),
    ])
    func differs(left: String, right: String) throws {
        #expect(try #require(JSONDecimal(left)) != #require(JSONDecimal(right)))
    }

    @Test(arguments: ["", "-", "01", "1.", ".5", "+1", "1e", "1e+", "0x1", "1 ", "NaN", "--1", "1.e3", "1e5.0"])
    func isNoNumber(text: String) { #expect(JSONDecimal(text) == nil) }

    /// A number written in many ways is one; changed by one digit, it is another.
    @Test func isTheSameHoweverItIsWritten() throws {
        var generator = SeededGenerator(state: 17)
        for _ in 0..<5_000 {
            let count = Int.random(in: 1...30, using: &generator)
            var digits = (0..<count).map { _ in Int.random(in: 0...9, using: &generator) }
            digits[0] = Int.random(in: 1...9, using: &generator)
            let exponent = Int.random(in: -60...60, using: &generator)
            let sign = Bool.random(using: &generator) ? "-" : ""
            let first = sign + Self.written(digits, exponent, using: &generator)
            let second = sign + Self.written(digits, exponent, using: &generator)
            #expect(try #require(JSONDecimal(first)) == #require(JSONDecimal(second)), "\(first) \(second)")
            var other = digits
            let place = Int.random(in: 0..<count, using: &generator)
            other[place] = (other[place] + Int.random(in: 1...9, using: &generator)) % 10
            let third = sign + Self.written(other, exponent, using: &generator)
            #expect(try #require(JSONDecimal(first)) != #require(JSONDecimal(third)), "\(first) \(third)")
        }
    }

    /// `digits` times ten to the power `exponent`, the point somewhere and zeros behind it.
    private static func written(_ digits: [Int], _ exponent: Int, using generator: inout SeededGenerator) -> String {
        let zeros = Int.random(in: 0...4, using: &generator)
        var text = digits.map(String.init).joined() + String(repeating: "0", count: zeros)
        var power = exponent - zeros
        let fraction = Int.random(in: 0...(text.count + 5), using: &generator)
        if fraction >= text.count { text = String(repeating: "0", count: fraction - text.count + 1) + text }
        power += fraction
        var whole = String(text.dropLast(fraction))
        while whole.count > 1, whole.hasPrefix("0") { whole.removeFirst() }
        let rest = fraction > 0 ? "." + text.suffix(fraction) : ""
        return whole + rest + (power == 0 ? "" : "e\(power)")
    }

    @Test func aHostileExponentCostsWhatItsTextCosts() throws {
        let nines = String(repeating: "9", count: 200_000)
        let left = try #require(JSONDecimal("1e\(nines)"))
        #expect(try left == #require(JSONDecimal("0.1e1\(String(repeating: "0", count: 200_000))")))
        #expect(try left != #require(JSONDecimal("1e-\(nines)")))
    }

    @Test func aDifferenceTellsEveryDigit() {
        func differences(_ expected: String, _ actual: String) -> [JSONDifference] {
            JSONDifference.between(expected: expected, actual: actual)
        }
        #expect(differences(#"{"n":9007199254740993}"#, #"{"n":9007199254740992}"#).map(\.path) == [".n"])
        #expect(differences(#"[1.0,1e400,-0]"#, #"[1,10e399,0]"#) == [])
        #expect(differences(#"{"é":"K"}"#, "{\"e\u{301}\":\"K\"}").count == 2)
        #expect(differences(#"["K"]"#, "[\"\u{212A}\"]").map(\.path) == ["[0]"])
    }
}
