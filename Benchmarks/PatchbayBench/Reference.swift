import ArgumentParser
import CLoad

/// The reference of the sparse bar, in a process of its own as the server is.
struct Reference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Route records to clients with as little as possible.", shouldDisplay: false)

    @Option var brokers: String
    @Option var partitions: UInt32
    @Option var maxClients: UInt32
    @Option var fetchWait: UInt32

    func run() throws {
        let listener = try FloorMeasurement.announceListener(connections: maxClients)
        var error = cload_error()
        let isDone = brokers.withCString { brokers in
            MockKafka.topic.withCString { topic in
                var config = cload_reference_config()
                config.listener = listener
                config.max_clients = maxClients
                config.brokers = brokers
                config.topic = topic
                config.partitions = partitions
                config.fetch_wait_ms = fetchWait
                return cload_reference_run(&config, &error)
            }
        }
        guard isDone else { throw BenchFailure(error) }
    }
}
