/// What came out of one bar.
struct BarReport {
    struct Figure {
        let name: String
        let value: Double
    }

    struct Check {
        let text: String
        let isMet: Bool
    }

    /// `B1` and so on.
    let bar: String
    let title: String
    private(set) var figures: [Figure] = []
    private(set) var checks: [Check] = []
    /// The cell of the table that says what was measured.
    var summary = ""

    init(_ bar: String, _ title: String) {
        self.bar = bar
        self.title = title
    }

    var isMet: Bool { checks.allSatisfy(\.isMet) }

    /// - Parameter name: lower-case words joined by `_`, ending in the unit.
    mutating func figure(_ name: String, _ value: Double) { figures.append(Figure(name: name, value: value)) }

    mutating func check(_ text: String, _ isMet: Bool) { checks.append(Check(text: text, isMet: isMet)) }

    func printOut() {
        print("\n\(bar): \(title)")
        for figure in figures { print("  \(figure.name) = \(rounded(figure.value))") }
        for check in checks { print("  \(check.isMet ? "PASS" : "FAIL")  \(check.text)") }
        print(tableRow)
    }

    /// A row of `| bar | what | measured | verdict |`.
    var tableRow: String { "| \(bar) | \(title) | \(summary) | \(isMet ? "PASS" : "FAIL") |" }

    var json: String {
        let figures = figures.map { "\(quoted($0.name)):\($0.value.isFinite ? String($0.value) : "null")" }
        let checks = checks.map { "{\"check\":\(quoted($0.text)),\"met\":\($0.isMet)}" }
        return "{\"bar\":\(quoted(bar)),\"title\":\(quoted(title)),\"met\":\(isMet),"
            + "\"figures\":{\(figures.joined(separator: ","))},\"checks\":[\(checks.joined(separator: ","))]}"
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar.value < 32 ? " " : scalar)
            }
        }
        return result + "\""
    }
}

/// With as many digits as say something.
func rounded(_ value: Double) -> String {
    guard value.isFinite else { return "—" }
    let places: Double = abs(value) >= 100 ? 1 : abs(value) >= 10 ? 10 : abs(value) >= 1 ? 100 : 1_000
    let near = (value * places).rounded() / places
    guard near == near.rounded(), abs(near) < 1e15 else { return String(near) }
    return String(Int64(near))
}
