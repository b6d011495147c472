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
        case ..<3_600_000: return "\(total / 60_000) min \(total / 1000 % 60) s"
        default: return "\(total / 3_600_000) h \(total / 60_000 % 60) min"
        }
    }
}
