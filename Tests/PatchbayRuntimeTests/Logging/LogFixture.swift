import Foundation
import Logging
import Synchronization

@testable import PatchbayRuntime

/// A pipeline whose clock stands still until a test moves it, and whose lines it can read.
final class LogFixture: Sendable {
    private struct State {
        var now = ContinuousClock.now
        var wall: Int64 = 1_769_860_800_000
        var timers: [(at: ContinuousClock.Instant, body: @Sendable () -> Void)] = []
        var written: [[UInt8]] = []
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Each as it was written, with its line feed.
    var lines: [String] { state.withLock { $0.written.map { String(decoding: $0, as: UTF8.self) } } }

    var timers: Int { state.withLock { $0.timers.count } }

    /// Whether writing fails.
    func close(_ isClosed: Bool) { state.withLock { $0.isClosed = isClosed } }

    func pipeline(format: LogFormat = .text, repeats: RepeatPolicy = RepeatPolicy()) -> LogPipeline {
        LogPipeline(
            format: format, repeats: repeats,
            time: LogTime(
                now: { self.state.withLock { $0.now } }, wallMilliseconds: { self.state.withLock { $0.wall } },
                after: { interval, body in
                    self.state.withLock { state in state.timers.append((state.now + interval, body)) }
                }),
            write: { bytes in
                self.state.withLock { state in
                    if !state.isClosed { state.written.append(bytes) }
                    return !state.isClosed
                }
            })
    }

    func logger(
        _ pipeline: LogPipeline, level: Logger.Level = .trace, provider: Logger.MetadataProvider? = nil
    ) -> Logger {
        Logger(label: "test") {
            PatchbayLogHandler(label: $0, level: level, pipeline: pipeline, metadataProvider: provider)
        }
    }

    /// Moves both clocks and runs the timers that come due.
    func advance(_ interval: Duration) {
        let due = state.withLock { state in
            state.now += interval
            state.wall += Int64(interval / .milliseconds(1))
            let now = state.now
            defer { state.timers.removeAll { $0.at <= now } }
            return state.timers.filter { $0.at <= now }
        }
        for timer in due { timer.body() }
    }

    /// The lines as JSON objects.
    func objects() throws -> [[String: Any]] {
        try lines.map { line in
            guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                throw NotAnObject(line: line)
            }
            return object
        }
    }

    struct NotAnObject: Error { let line: String }
}

/// What a client may send to fool a reader of the log.
let nastyTexts = [
    "", " ", "plain", "two words", "a=b", "\"quoted\"", "back\\slash", "line\nfeed", "carriage\rreturn",
    "crlf\r\n2026-01-31T12:00:00.000Z ERROR forged", "\u{1B}[2J\u{1B}[1;31mred", "nul\u{0}byte", "bell\u{7}", "del\u{7F}",
    "c1\u{9B}31m", "\u{202E}gnp.exe", "\u{2066}isolate\u{2069}", "\u{2028}line\u{2029}paragraph", "\u{FEFF}bom",
    "zero\u{200B}width", "nbsp\u{A0}", "tab\t", "{\"json\":1}", "[1]", "ünïcödé 日本 🎉", "\u{E0001}tag", "\\u{202E}", "\\n",
    "</script>", "\u{85}next", "\u{301}combining",
]
