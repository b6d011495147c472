/// Time spans and sizes as they stand in the file.
package enum Quantity {
    package struct Problem: Error, Equatable {
        package let hint: String?
    }

    /// Milliseconds of `500ms`, `30s`, `5m`, `1h`; `nil` in the result when they don't fit into 64 bits.
    package static func milliseconds(_ text: String) throws(Problem) -> Int64? {
        let (digits, unit) = split(text)
        guard !digits.isEmpty else { throw Problem(hint: nil) }
        let factor: Int64
        switch unit {
        case "ms": factor = 1
        case "s": factor = 1000
        case "m": factor = 60_000
        case "h": factor = 3_600_000
        case "": throw Problem(hint: "add a unit: `\(DisplayText.plain(text))s` or `\(DisplayText.plain(text))ms`")
        default: throw Problem(hint: "units are `ms`, `s`, `m` and `h`, after a whole number")
        }
        return scaled(digits, factor)
    }

    /// Bytes of `1024`, `64KiB`, `1MB`; `nil` in the result when they don't fit into 64 bits.
    package static func bytes(_ text: String) throws(Problem) -> Int64? {
        let (digits, unit) = split(text)
        guard !digits.isEmpty else { throw Problem(hint: nil) }
        let factor: Int64
        switch unit.lowercased() {
        case "", "b": factor = 1
        case "kib": factor = 1 << 10
        case "mib": factor = 1 << 20
        case "gib": factor = 1 << 30
        case "kb": factor = 1000
        case "mb": factor = 1_000_000
        case "gb": factor = 1_000_000_000
        case "k", "m", "g":
            let letter = unit.uppercased()
            throw Problem(hint: "write `\(digits)\(letter)iB` (powers of 1024) or `\(digits)\(letter)B` (powers of 1000)")
        default: throw Problem(hint: "units are `KiB`, `MiB`, `GiB`, `KB`, `MB` and `GB`, right after a whole number")
        }
        return scaled(digits, factor)
    }

    /// A span in its largest whole unit.
    package static func duration(_ milliseconds: Int64) -> String {
        for (factor, unit) in [(Int64(3_600_000), "h"), (60_000, "m"), (1000, "s")]
        where milliseconds != 0 && milliseconds % factor == 0 {
            return "\(milliseconds / factor)\(unit)"
        }
        return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
    }

    /// A size in its largest whole binary unit.
    package static func size(_ bytes: Int64) -> String {
        for (shift, unit) in [(Int64(30), "GiB"), (20, "MiB"), (10, "KiB")]
        where bytes != 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes) bytes"
    }

    private static func split(_ text: String) -> (digits: Substring, unit: Substring) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        return (digits, text[digits.endIndex...])
    }

    private static func scaled(_ digits: Substring, _ factor: Int64) -> Int64? {
        guard let count = Int64(digits) else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}
