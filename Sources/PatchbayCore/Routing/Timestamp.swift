import PatchbayAPI

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
        let days = Gregorian.floorDivide(Int(milliseconds), 86_400_000)
        let ofDay = Int(milliseconds) - days * 86_400_000
        let date = Gregorian.date(daysSinceEpoch: days)
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
        _ value: Int, digits: Int, at index: Int, in destination: UnsafeMutableRawPointer
    ) {
        var rest = value
        for position in stride(from: index + digits - 1, through: index, by: -1) {
            destination.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: position, as: UInt8.self)
            rest /= 10
        }
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
