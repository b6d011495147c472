#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Wall-clock time as messages carry it: ISO 8601, UTC, milliseconds, always 24 bytes (`2026-01-31T23:59:59.999Z`).
public enum Timestamp {
    /// Bytes of the text form.
    public static let size = 24

    /// Milliseconds since 1970-01-01T00:00:00Z.
    public static func nowMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Writes the 24 bytes of `milliseconds` (years 0 to 9999) to `destination`. Allocates nothing.
    public static func write(_ milliseconds: Int64, to destination: UnsafeMutableRawPointer) {
        let days = floorDivide(milliseconds, 86_400_000)
        let ofDay = milliseconds - days * 86_400_000
        let date = civilDate(daysSinceEpoch: days)
        put(date.year, digits: 4, at: 0, in: destination)
        put(date.month, digits: 2, at: 5, in: destination)
        put(date.day, digits: 2, at: 8, in: destination)
        put(ofDay / 3_600_000, digits: 2, at: 11, in: destination)
        put(ofDay / 60_000 % 60, digits: 2, at: 14, in: destination)
        put(ofDay / 1000 % 60, digits: 2, at: 17, in: destination)
        put(ofDay % 1000, digits: 3, at: 20, in: destination)
        for (index, character) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "."), (23, "Z")]
            as [(Int, Unicode.Scalar)]
        {
            destination.storeBytes(of: UInt8(ascii: character), toByteOffset: index, as: UInt8.self)
        }
    }

    /// The text form of `milliseconds`.
    public static func text(_ milliseconds: Int64) -> String {
        String(unsafeUninitializedCapacity: size) { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            write(milliseconds, to: base)
            return size
        }
    }

    private static func put(
        _ value: Int64, digits: Int, at index: Int, in destination: UnsafeMutableRawPointer
    ) {
        var rest = value
        for position in stride(from: index + digits - 1, through: index, by: -1) {
            destination.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: position, as: UInt8.self)
            rest /= 10
        }
    }

    /// Gregorian date of a day number, by shifting the year to start in March so that leap days come last
    /// (the method is described in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func civilDate(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }
}

/// Time that only ages and waits are made of: it doesn't jump when the clock is set.
enum MonotonicTime {
    /// Milliseconds since some moment of the past (`CLOCK_MONOTONIC`).
    static func nowMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// The moment a batch is processed at, by both clocks: read once per batch.
struct BatchTime {
    /// What clients see. Milliseconds since 1970.
    var wall: Int64
    /// What ages and intervals are made of, since it doesn't jump. Milliseconds of the monotonic clock.
    var monotonic: Int64

    static func now() -> BatchTime {
        BatchTime(wall: Timestamp.nowMilliseconds(), monotonic: MonotonicTime.nowMilliseconds())
    }
}
