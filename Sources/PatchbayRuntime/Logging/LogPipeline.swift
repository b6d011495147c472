import Logging
import Synchronization

/// The way of a line from a handler to the output: repeated ones are held back and counted, the others are formatted
/// and written, each with one call.
///
/// Thread: any.
final class LogPipeline: Sendable {
    private struct Repeats {
        var collapser: RepeatCollapser
        var isTimerSet = false
    }

    private let format: LogFormat
    private let time: LogTime
    private let write: @Sendable ([UInt8]) -> Bool
    private let dropped = Atomic<Int>(0)
    private let repeats: Mutex<Repeats>

    /// - Parameter write: takes a whole line with its line feed, on the thread that logged it, and returns whether
    ///   it could be written; must not log. How many could not is said with the next line that can.
    init(
        format: LogFormat, repeats: RepeatPolicy = RepeatPolicy(), time: LogTime = .system,
        write: @escaping @Sendable ([UInt8]) -> Bool
    ) {
        self.format = format
        self.time = time
        self.write = write
        self.repeats = Mutex(Repeats(collapser: RepeatCollapser(repeats)))
    }

    /// Writes the counts that are still being held back, for the end of the process.
    func flush() {
        let now = time.now()
        emit(repeats.withLock { $0.collapser.flush(at: now) })
    }

    func take(_ line: LogLine) {
        let now = time.now()
        let (isAdmitted, wait) = repeats.withLock { repeats in
            (repeats.collapser.admit(line, at: now), Self.timer(&repeats, now: now))
        }
        if let wait { setTimer(wait) }
        if isAdmitted { emit([line]) }
    }

    /// How long to wait until counts are due, if nobody is waiting yet. All windows are equally long, so the timer that
    /// is set is never too late.
    private static func timer(_ repeats: inout Repeats, now: ContinuousClock.Instant) -> Duration? {
        guard !repeats.isTimerSet, let due = repeats.collapser.nextDue else { return nil }
        repeats.isTimerSet = true
        return max(.zero, due - now)
    }

    private func setTimer(_ wait: Duration) {
        time.after(wait) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        let now = time.now()
        let (lines, wait) = repeats.withLock { repeats in
            let lines = repeats.collapser.due(at: now)
            repeats.isTimerSet = false
            return (lines, Self.timer(&repeats, now: now))
        }
        emit(lines)
        if let wait { setTimer(wait) }
    }

    private func emit(_ lines: [LogLine]) {
        for line in lines {
            guard sayWhatWasDropped(), write(bytes(of: line)) else {
                dropped.wrappingAdd(1, ordering: .relaxed)
                continue
            }
        }
    }

    private func sayWhatWasDropped() -> Bool {
        let count = dropped.exchange(0, ordering: .relaxed)
        guard count > 0 else { return true }
        let note = LogLine(
            level: .warning, label: "patchbay", message: "log lines were dropped: they could not be written",
            metadata: ["dropped": .stringConvertible(count)])
        if write(bytes(of: note)) { return true }
        dropped.wrappingAdd(count, ordering: .relaxed)
        return false
    }

    private func bytes(of line: LogLine) -> [UInt8] {
        var writer = LineWriter()
        let milliseconds = time.wallMilliseconds()
        switch format {
        case .text: TextLine.write(line, milliseconds: milliseconds, to: &writer)
        case .json: JSONLine.write(line, milliseconds: milliseconds, to: &writer)
        }
        return writer.bytes
    }
}
