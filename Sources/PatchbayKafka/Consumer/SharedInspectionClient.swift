import Logging
import Synchronization

/// The client that the watchers of one consumer ask with, made by the one that needs it first. It lives for as long as one of them
/// holds it.
///
/// Thread: any.
final class SharedInspectionClient: Sendable {
    private struct Current {
        weak var client: InspectionClient?
    }

    private let configuration: ConsumerConfiguration
    private let current = Mutex(Current())

    init(_ configuration: ConsumerConfiguration) { self.configuration = configuration }

    /// `nil` for a configuration that librdkafka refuses, which is the consumer's to tell.
    func get() -> InspectionClient? {
        current.withLock { current in
            if let client = current.client { return client }
            // What it is to know, it is told to ask for.
            let refresh = "topic.metadata.refresh.interval.ms"
            let client = try? InspectionClient(
                brokers: configuration.brokers, properties: configuration.properties.filter { $0.name != refresh } + [(refresh, "-1")],
                group: configuration.groupID, logger: Logger(label: "patchbay.offsets") { _ in SwiftLogNoOpLogHandler() })
            current.client = client
            return client
        }
    }
}
