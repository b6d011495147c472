internal import CPatchbayPlugin
import Logging
import Synchronization

/// What a plugin says to the router's log, which a talkative one must not fill.
///
/// Thread: that of the plugin's call.
struct PluginLog {
    /// Lines a second of one instance.
    private static let most = 5
    private static let logger = Mutex<Logger?>(nil)

    private let name: String
    /// `nil` where no route is, as in checks of a file.
    var route: String?
    private var second = Int64.min
    private var lines = 0
    private var dropped = 0

    init(name: String) { self.name = name }

    /// Where lines go from now on; nowhere, as long as nobody says so: what only checks a configuration has no log.
    static func use(_ logger: Logger) { Self.logger.withLock { $0 = logger } }

    mutating func add(_ level: UInt32, _ text: String) { add(Self.level(level), "plugin says", ["text": "\(text)"]) }

    /// - Parameters:
    ///   - failure: completes "the plugin …".
    ///   - place: the record at which it fails, when it had no other.
    mutating func add(failure: String, at place: (partition: Int32, offset: Int64)?) {
        var metadata: Logger.Metadata = ["reason": "\(failure)"]
        if let place {
            metadata["partition"] = "\(place.partition)"
            metadata["record_offset"] = "\(place.offset)"
        }
        add(.error, "plugin failed", metadata)
    }

    private mutating func add(_ level: Logger.Level, _ message: Logger.Message, _ said: Logger.Metadata) {
        guard let logger = Self.logger.withLock({ $0 }) else { return }
        let now = ContinuousClock.now - Self.start
        if now.components.seconds != second {
            second = now.components.seconds
            lines = 0
        }
        guard lines < Self.most else {
            dropped += 1
            return
        }
        lines += 1
        var metadata = said
        metadata["plugin"] = "\(name)"
        if let route { metadata["route"] = "\(route)" }
        if dropped > 0 { metadata["dropped"] = "\(dropped)" }
        dropped = 0
        logger.log(level: level, message, metadata: metadata)
    }

    private static let start = ContinuousClock.now

    private static func level(_ number: UInt32) -> Logger.Level {
        switch number {
        case PATCHBAY_DEBUG: .debug
        case PATCHBAY_INFO: .info
        case PATCHBAY_WARNING: .warning
        default: .error
        }
    }
}
