import Logging
import Synchronization

/// A logger whose lines a test can read.
final class LogBook: Sendable {
    struct Line: Sendable, CustomStringConvertible {
        let level: Logger.Level
        let message: String
        let metadata: Logger.Metadata
        var description: String { "\(level) \(message) \(metadata)" }
    }

    private let storage = Mutex<[Line]>([])

    var lines: [Line] { storage.withLock { $0 } }

    /// The first line of this level that contains the text.
    func line(_ level: Logger.Level, _ text: String) -> Line? {
        lines.first { $0.level == level && $0.message.contains(text) }
    }

    func count(_ level: Logger.Level, _ text: String) -> Int {
        lines.count { $0.level == level && $0.message.contains(text) }
    }

    /// Keeps lines from `info` on, as a service does by default.
    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(book: self) }
        logger.logLevel = .info
        return logger
    }

    private struct Handler: LogHandler {
        let book: LogBook
        var logLevel = Logger.Level.info
        var metadata = Logger.Metadata()

        init(book: LogBook) { self.book = book }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = Line(level: event.level, message: "\(event.message)", metadata: event.metadata ?? [:])
            book.storage.withLock { $0.append(line) }
        }
    }
}
