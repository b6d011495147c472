public import Logging
import Synchronization

/// A logger whose lines a test can read.
public final class LogBook: Sendable {
    public struct Line: Sendable, CustomStringConvertible {
        public let level: Logger.Level
        public let message: String
        public let metadata: Logger.Metadata
        public var description: String { "\(level) \(message) \(metadata)" }
    }

    private let storage = Mutex<[Line]>([])

    public init() {}

    public var lines: [Line] { storage.withLock { $0 } }

    /// The first line of this level that contains the text.
    public func line(_ level: Logger.Level, _ text: String) -> Line? {
        lines.first { $0.level == level && $0.message.contains(text) }
    }

    public func count(_ level: Logger.Level, _ text: String) -> Int {
        lines.count { $0.level == level && $0.message.contains(text) }
    }

    /// Keeps lines from `info` on, as a service does by default.
    public var logger: Logger { logger(at: .info) }

    public func logger(at level: Logger.Level) -> Logger {
        var logger = Logger(label: "test") { _ in Handler(book: self) }
        logger.logLevel = level
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
