/// Numbers with their nouns: `1 record`, `2 records`.
package enum Counted {
    package static func text(_ count: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        "\(grouped(count)) \(count.magnitude == 1 ? noun : plural ?? noun + "s")"
    }

    /// With commas between thousands: `12,345`.
    static func grouped(_ number: some BinaryInteger) -> String {
        var digits = String(number.magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        groups.insert(digits, at: 0)
        return (number < 0 ? "-" : "") + groups.joined(separator: ",")
    }
}
