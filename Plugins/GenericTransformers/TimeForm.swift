import PatchbayAPI
import PatchbayJSON

/// How a point in time is written.
enum TimeForm: Sendable, Equatable {
    /// A number of units since 1970-01-01T00:00:00Z; a unit is ten to the power of minus so many seconds.
    case epoch(digits: Int)
    /// `2026-01-31T23:59:59.999Z`.
    case iso8601

    static let names: [(name: String, form: TimeForm)] = [
        ("epoch_s", .epoch(digits: 0)), ("epoch_ms", .epoch(digits: 3)), ("epoch_us", .epoch(digits: 6)), ("epoch_ns", .epoch(digits: 9)),
        ("iso8601", .iso8601),
    ]

    init?(_ name: String) {
        guard let known = Self.names.first(where: { $0.name == name }) else { return nil }
        self = known.form
    }

    /// A point in time, to the nanosecond.
    struct Time {
        /// Since 1970-01-01T00:00:00Z, of the years 0 to 9999.
        let seconds: Int
        /// Behind the second, from 0 to 999,999,999.
        let nanoseconds: Int
        /// Digits of a second with which it was written.
        let digits: Int
    }

    /// Of the years 0 to 9999.
    private static let earliest = -62_167_219_200
    private static let latest = 253_402_300_799

    /// `nil` for a value that isn't written in this form. Numbers may be in a string.
    func time(_ value: JSONValue) -> Time? {
        let time: Time?
        switch (self, value.type) {
        case (.epoch(let digits), .number): time = Self.time(value.text, digits)
        case (.epoch(let digits), .string): time = value.string.flatMap { Self.time($0, digits) }
        case (.iso8601, .string): time = value.string.flatMap { ISO8601.time($0) }
        default: time = nil
        }
        guard let time, time.seconds >= Self.earliest, time.seconds <= Self.latest else { return nil }
        return time
    }

    private static func time(_ text: UnsafeRawBufferPointer, _ digits: Int) -> Time? {
        guard let (seconds, nanoseconds) = DecimalDigits(text)?.seconds(nanosecondsAreTenTo: 9 - digits) else { return nil }
        return Time(seconds: seconds, nanoseconds: nanoseconds, digits: digits)
    }

    /// Appends a time. What is finer than an epoch's unit is cut off, towards the past.
    func append(_ time: Time, to bytes: inout [UInt8]) {
        switch self {
        case .epoch(let digits): Self.append(time, digits, to: &bytes)
        case .iso8601: ISO8601.append(time, to: &bytes)
        }
    }

    /// In two parts: nanoseconds of the year 9999 are more than fit into 64 bits.
    private static func append(_ time: Time, _ digits: Int, to bytes: inout [UInt8]) {
        var (seconds, fraction) = (time.seconds, time.nanoseconds / powers[9 - digits])
        if seconds < 0 {
            bytes.append(UInt8(ascii: "-"))
            (seconds, fraction) = fraction == 0 ? (-seconds, 0) : (-seconds - 1, powers[digits] - fraction)
        }
        if seconds == 0, digits > 0 { return JSONText.appendInteger(fraction, to: &bytes) }
        JSONText.appendInteger(seconds, to: &bytes)
        appendPadded(fraction, digits, to: &bytes)
    }

    /// With zeros in front.
    fileprivate static func appendPadded(_ value: Int, _ digits: Int, to bytes: inout [UInt8]) {
        var place = digits
        while place > 0 {
            place -= 1
            bytes.append(0x30 + UInt8(value / powers[place] % 10))
        }
    }

    fileprivate static let powers = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000]
}

/// Times as RFC 3339 profiles ISO 8601.
private enum ISO8601 {
    /// `YYYY-MM-DDThh:mm:ss`, a fraction of up to nine digits that aren't zero, and `Z` or an offset, which must be there: a time
    /// without one is another moment in every country.
    static func time(_ text: UnsafeRawBufferPointer) -> TimeForm.Time? {
        guard text.count >= 20, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"), text[13] == UInt8(ascii: ":"),
            text[16] == UInt8(ascii: ":"), text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " "),
            let year = number(text, 0, 4), let month = number(text, 5, 2), let day = number(text, 8, 2), let hour = number(text, 11, 2),
            let minute = number(text, 14, 2), let seconds = number(text, 17, 2),
            (1...12).contains(month), day >= 1, day <= Gregorian.days(inMonth: month, year: year), hour < 24, minute < 60, seconds < 60
        else { return nil }
        var index = 19
        var (fraction, digits) = (0, 0)
        if text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: ",") {
            index += 1
            let start = index
            while index < text.count, let digit = number(text, index, 1) {
                index += 1
                if digits < 9 {
                    fraction = fraction * 10 + digit
                    digits += 1
                } else if digit != 0 {
                    return nil
                }
            }
            guard index > start, index < text.count else { return nil }
        }
        guard let offset = offset(text, from: index) else { return nil }
        let whole = Gregorian.daysSinceEpoch(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + seconds - offset
        return TimeForm.Time(seconds: whole, nanoseconds: fraction * TimeForm.powers[9 - digits], digits: digits)
    }

    /// Seconds east of Greenwich: `Z`, `+02:00` or `+0200`.
    private static func offset(_ text: UnsafeRawBufferPointer, from index: Int) -> Int? {
        let rest = text.count - index
        if text[index] | 0x20 == UInt8(ascii: "z") { return rest == 1 ? 0 : nil }
        let sign = text[index]
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), rest == 5 || rest == 6 && text[index + 3] == UInt8(ascii: ":"),
            let hours = number(text, index + 1, 2), let minutes = number(text, text.count - 2, 2), hours < 24, minutes < 60
        else { return nil }
        let offset = hours * 3600 + minutes * 60
        return sign == UInt8(ascii: "-") ? -offset : offset
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int? {
        var value = 0
        for index in start..<start + count {
            guard text[index] >= 0x30, text[index] <= 0x39 else { return nil }
            value = value * 10 + Int(text[index] - 0x30)
        }
        return value
    }

    /// As many digits of a second as the time was written with.
    static func append(_ time: TimeForm.Time, to bytes: inout [UInt8]) {
        let fraction = time.nanoseconds
        let days = Gregorian.floorDivide(time.seconds, 86_400)
        let ofDay = time.seconds - days * 86_400
        let date = Gregorian.date(daysSinceEpoch: days)
        put(date.year, 4, UInt8(ascii: "-"), to: &bytes)
        put(date.month, 2, UInt8(ascii: "-"), to: &bytes)
        put(date.day, 2, UInt8(ascii: "T"), to: &bytes)
        put(ofDay / 3600, 2, UInt8(ascii: ":"), to: &bytes)
        put(ofDay / 60 % 60, 2, UInt8(ascii: ":"), to: &bytes)
        put(ofDay % 60, 2, time.digits == 0 && fraction == 0 ? UInt8(ascii: "Z") : UInt8(ascii: "."), to: &bytes)
        if time.digits == 0 && fraction == 0 { return }
        // Finer than its unit, as 1.5 seconds are.
        var digits = time.digits
        while fraction % TimeForm.powers[9 - digits] != 0 { digits += 1 }
        put(fraction / TimeForm.powers[9 - digits], digits, UInt8(ascii: "Z"), to: &bytes)
    }

    private static func put(_ value: Int, _ digits: Int, _ behind: UInt8, to bytes: inout [UInt8]) {
        TimeForm.appendPadded(value, digits, to: &bytes)
        bytes.append(behind)
    }
}
