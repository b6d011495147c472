/// Time spans as people read them in log lines, findings and on screens. What stands in routes.yaml (`5m`) is `Quantity`'s.
package enum ReadableTime {
    /// From a second on: `59 s`, `4 min 5 s`, `2 h 10 min`, and with `days` `3 d 4 h`.
    package static func inTwoUnits(seconds: Int64, days: Bool) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min \(seconds % 60) s"
        case _ where days && seconds >= 86_400: "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
        default: "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        }
    }

    /// A setting, exactly: `30 s`, `1500 ms`.
    package static func exactly(milliseconds: Int64) -> String {
        milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}

extension Duration {
    /// For a line of log: as precise as a person needs it, such as `340 ms`, `12.3 s`, `4 min 5 s` or `2 h 10 min`.
    package var readable: String {
        let (seconds, attoseconds) = components
        let milliseconds = seconds.multipliedReportingOverflow(by: 1000)
        let total = milliseconds.overflow ? Int64.max / 2 : milliseconds.partialValue + attoseconds / 1_000_000_000_000_000
        if total < 0 { return "-\((.zero - self).readable)" }
        switch total {
        case ..<1000: return "\(total) ms"
        case ..<60_000:
            let tenths = total / 100
            return "\(tenths / 10).\(tenths % 10) s"
        default: return ReadableTime.inTwoUnits(seconds: total / 1000, days: false)
        }
    }
}

/// Numbers with their nouns: `1 record`, `2 records`.
package enum Counted {
    package static func text(_ count: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        "\(grouped(count)) \(count.magnitude == 1 ? noun : plural ?? noun + "s")"
    }

    /// With commas between thousands: `12,345`.
    package static func grouped(_ number: some BinaryInteger) -> String {
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
