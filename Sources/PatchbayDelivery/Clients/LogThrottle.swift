import NIOCore

/// Lets a few lines of one kind through and counts the rest, so that a flood of bad clients can't flood the log. No
/// clock of its own.
struct LogThrottle {
    static let lines = 5
    static let window = TimeAmount.seconds(10)

    private var windowStart: NIODeadline?
    private var written = 0
    private var unwritten = 0

    /// - Returns: `nil` when the line is not to be written, else how many were not since the last one that was.
    mutating func next(at now: NIODeadline) -> Int? {
        if windowStart.map({ now - $0 >= Self.window }) ?? true {
            windowStart = now
            written = 0
        }
        guard written < Self.lines else {
            unwritten += 1
            return nil
        }
        written += 1
        defer { unwritten = 0 }
        return unwritten
    }
}
