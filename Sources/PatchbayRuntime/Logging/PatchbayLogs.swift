import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where the process's log lines go: standard error, in the format the environment asks for.
package enum PatchbayLogs {
    /// For commands that say themselves what went wrong.
    package static let quiet: Logger = {
        var logger = Logger(label: "patchbay", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .critical
        return logger
    }()

    private static let installed = Mutex<LogPipeline?>(nil)

    /// Makes every `Logger` of the process write to standard error, and returns one.
    ///
    /// Once per process; a second call only checks the environment and returns another logger. What repeated lines are
    /// still being counted when the process calls `exit` is written then.
    ///
    /// - Parameters:
    ///   - environment: `LOG_FORMAT` and `LOG_LEVEL` are read from it.
    ///   - label: of the returned logger.
    ///   - metadataProvider: asked for more metadata at every line.
    /// - Throws: `LogSettingError`; nothing has been changed then.
    package static func bootstrap(
        environment: [String: String], label: String = "patchbay",
        metadataProvider: Logger.MetadataProvider? = nil
    ) throws(LogSettingError) -> Logger {
        let settings = try LogSettings(environment: environment)
        let added: LogPipeline? = installed.withLock { installed in
            guard installed == nil else { return nil }
            let pipeline = LogPipeline(format: settings.format, write: StandardError.shared.write)
            installed = pipeline
            return pipeline
        }
        if let added {
            LoggingSystem.bootstrap(
                { label, provider in
                    PatchbayLogHandler(label: label, level: settings.level, pipeline: added, metadataProvider: provider)
                }, metadataProvider: metadataProvider)
            atexit { PatchbayLogs.flush() }
        }
        return Logger(label: label)
    }

    /// Writes the counts of repeated lines that are still being held back. For a process that ends by `_exit`; `exit`
    /// and returning from `main` do it by themselves.
    ///
    /// Thread: any.
    static func flush() { installed.withLock { $0 }?.flush() }
}

/// Hands log lines to a `LogPipeline`.
///
/// A value, as swift-log wants it: loggers copy it when their level or metadata change. Thread: any.
struct PatchbayLogHandler: LogHandler {
    private let label: String
    private let pipeline: LogPipeline
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(
        label: String, level: Logger.Level, pipeline: LogPipeline, metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.logLevel = level
        self.pipeline = pipeline
        self.metadataProvider = metadataProvider
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { _, newer in newer } }
        if let given = event.metadata { merged.merge(given) { _, newer in newer } }
        if let error = event.error {
            merged["error"] = "\(error)"
            merged["error_type"] = "\(String(reflecting: type(of: error)))"
        }
        pipeline.take(
            LogLine(
                level: event.level, label: label, message: event.message.description, metadata: merged,
                // Looking it up costs an allocation, and only who debugs reads it.
                source: event.level <= .debug ? event.source : nil))
    }
}
