import ArgumentParser
import Logging
import PatchbayConfig

/// What `serve` and `demo` do alike: start, wait for a signal, stop.
enum RunLoop {
    /// Files and sockets beside the clients': librdkafka's, the listener, logs.
    private static let spareFiles = 100

    static func run(
        _ configuration: RouterConfiguration,
        consumerProperties: [(name: String, value: String)] = [],
        logger: Logger,
        started: (_ port: Int) -> Void = { _ in }
    ) async throws {
        if let duplicate = BuiltinTransformers.duplicate() { throw Exit.because(duplicate, Exit.internalError) }
        let signals = Signals()
        let files = FileLimit.raise()
        if files < configuration.server.maxClients + spareFiles {
            logger.warning(
                "the limit on open files is below server.max_clients; raise it (ulimit -n, LimitNOFILE)",
                metadata: ["limit": "\(files)", "max_clients": "\(configuration.server.maxClients)"])
        }
        let service = RouterService(configuration: configuration, consumerProperties: consumerProperties, logger: logger)
        let port: Int
        do {
            port = try await service.start()
        } catch {
            let address = "\(configuration.server.host):\(configuration.server.port)"
            throw Exit.because(
                "can't listen on \(address): \(error); is another process using the port? Set PORT or server.port",
                Exit.unavailable)
        }
        logger.info(
            "listening",
            metadata: [
                "port": "\(port)", "routes": "\(configuration.routes.count)",
                "channels": "\(configuration.channels.map(\.name).joined(separator: ","))",
                "brokers": "\(configuration.kafka.brokers.joined(separator: ","))",
            ])
        started(port)
        let number = await signals.first()
        logger.info("shutting down; a second signal ends the process at once", metadata: ["signal": "\(number ?? 0)"])
        await service.stop()
        logger.info("stopped")
    }
}
