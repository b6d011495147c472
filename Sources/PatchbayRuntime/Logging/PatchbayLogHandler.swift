import Logging

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
