import Foundation
import PatchbayAPI
import PatchbayConfig

/// Times as command lines name them.
package enum PointInTime {
    /// Milliseconds since 1970 of an age (`30m`, `2h`) or of an ISO 8601 time, in UTC where it has no offset; `nil` for anything else.
    package static func milliseconds(_ text: String, now: Date) -> Int64? {
        let present = Int64((now.timeIntervalSince1970 * 1000).rounded())
        if let age = try? Quantity.milliseconds(text) { return present > age ? present - age : 0 }
        guard isInCalendar(text) else { return nil }
        // A day, or a time without an offset.
        let isDay = text.utf8.count == 10
        let hasOffset = text.hasSuffix("Z") || text.dropFirst(11).contains { $0 == "+" || $0 == "-" }
        let whole = isDay ? text + "T00:00:00Z" : hasOffset ? text : text + "Z"
        for style in [Date.ISO8601FormatStyle(includingFractionalSeconds: false), .init(includingFractionalSeconds: true)] {
            if let date = try? Date(whole, strategy: style) { return Int64((date.timeIntervalSince1970 * 1000).rounded()) }
        }
        return nil
    }

    /// Foundation takes the 30th of February for the 2nd of March.
    private static func isInCalendar(_ text: String) -> Bool {
        guard let match = text.prefixMatch(of: #/(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)|$)/#) else { return false }
        let (_, year, month, day, hour, minute, second) = match.output
        guard let year = Int(year), let month = Int(month), let day = Int(day), (1...12).contains(month) else { return false }
        func isBelow(_ text: Substring?, _ limit: Int) -> Bool { text.flatMap { Int($0) }.map { $0 < limit } ?? true }
        return (1...Gregorian.days(inMonth: month, year: year)).contains(day) && isBelow(hour, 24) && isBelow(minute, 60)
            && isBelow(second, 60)
    }
}
