import Dispatch
import Logging
import PatchbayCore
import Synchronization

/// What a line says, before it has a form.
struct LogLine: Sendable {
    var level: Logger.Level
    var label: String
    var message: String
    var metadata: Logger.Metadata
    /// The module that logged it, at `debug` and below.
    var source: String?

    /// Bytes of its texts, roughly: what remembering it costs.
    var weight: Int { message.utf8.count + Self.weight(of: .dictionary(metadata)) }

    private static func weight(of value: Logger.MetadataValue) -> Int {
        switch value {
        case .string(let text): text.utf8.count
        case .stringConvertible: 32
        case .array(let values): values.reduce(16) { $0 + weight(of: $1) }
        case .dictionary(let members): members.reduce(16) { $0 + $1.key.utf8.count + weight(of: $1.value) }
        }
    }
}

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

/// The clocks that logging needs, replaceable in tests.
struct LogTime: Sendable {
    /// For intervals.
    var now: @Sendable () -> ContinuousClock.Instant
    /// Milliseconds since 1970, for the eyes.
    var wallMilliseconds: @Sendable () -> Int64
    /// Calls back once after an interval, on any thread.
    var after: @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    /// The machine's clocks. Callbacks come on a queue of Dispatch, so that they come even when Swift's concurrency
    /// pool is busy, which is when logs matter.
    static let system = LogTime(
        now: { .now }, wallMilliseconds: { Timestamp.nowMilliseconds() },
        after: { interval, body in
            let milliseconds = max(1, Int((interval / .milliseconds(1)).rounded(.up)))
            DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .milliseconds(milliseconds), execute: body)
        })
}
