import ArgumentParser
import CLoad

/// The reference of the sparse bar, in a process of its own as the server is.
struct Reference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Route records to clients with as little as possible.", shouldDisplay: false)

    @OptionGroup var source: SourceOptions
    @Option var maxClients: UInt32

    func run() throws {
        let listener = try FloorMeasurement.announceListener(connections: maxClients)
        var error = cload_error()
        let isDone = source.withSource { source in
            var config = cload_reference_config(listener: listener, max_clients: maxClients, source: source)
            return cload_reference_run(&config, &error)
        }
        guard isDone else { throw BenchFailure(error) }
    }
}
