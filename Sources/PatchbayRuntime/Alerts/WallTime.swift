import Foundation

/// Wall-clock time as alerts show it.
enum WallTime {
    /// ISO 8601 in UTC with milliseconds, such as `2026-01-31T12:00:00.000Z`.
    static func text(_ milliseconds: Int64) -> String {
        // Halfway into the millisecond, because the format cuts off and a Double may be a little less than it was.
        Date(timeIntervalSince1970: (Double(milliseconds) + 0.5) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
