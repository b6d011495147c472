import ArgumentParser
import Logging
import PatchbayConfig

/// What `serve` and `demo` do alike: start, wait for a signal, stop.
enum ServiceRun {
    /// - Parameters:
    ///   - path: the routes file.
    ///   - environment: wins over the file, now and at every reload.
    ///   - consumerProperties: librdkafka properties that hold unless the file sets them.
    ///   - rejoinsAfter: for an embedded Kafka; see `ConsumerConfiguration.rejoinsAfter`.
    /// - Throws: the exit code, after saying why.
    static func run(
        path: String, environment: [String: String],
        consumerProperties: [(name: String, value: String)] = [],
        rejoinsAfter: Duration? = nil,
        logger: Logger,
        started: (RouterService.Ports) throws -> Void = { _ in }
    ) async throws {
        if let duplicate = BuiltinTransformers.duplicate() { throw Exit.because(duplicate, Exit.internalError) }
        let signals = Signals()
        let loaded = ConfigurationFile.read(path, environment: environment, hidesVariables: true)
        // This terminal is the operator's, who sets the variables: findings may name their values.
        let shown = loaded.findings.isEmpty ? loaded : ConfigurationFile.read(path, environment: environment)
        _ = try ConfigurationFile.configuration(of: shown, path: path)
        guard let configuration = loaded.configuration else { throw Exit.configuration }
        let files = FileLimit.raise()
        let wanted = FileLimit.needed(by: configuration)
        if files < wanted {
            logger.warning(
                "the limit on open files is below what server.max_clients, limits.http_connections and limits.pending_handshakes need; raise it (ulimit -n, LimitNOFILE)",
                metadata: ["limit": "\(files)", "needed": "\(wanted)"])
        }
        let service = RouterService(
            configuration: configuration, loaded: loaded,
            reload: { candidate in
                guard let candidate else {
                    return ConfigurationFile.read(path, environment: environment, hidesVariables: true)
                }
                return ConfigurationFile.read(candidate, insteadOf: path, environment: environment)
            },
            consumerProperties: consumerProperties, rejoinsAfter: rejoinsAfter, logger: logger)
        let ports: RouterService.Ports
        do throws(RouterService.CantListen) {
            ports = try await service.start()
        } catch {
            throw Exit.because(
                "can't listen on \(error.address): \(error.reason); is another process using the port? "
                    + "Set \(error.variable) or \(error.setting)", Exit.unavailable)
        }
        logger.info(
            "listening",
            metadata: [
                "port": "\(ports.clients)", "admin_port": "\(ports.admin.map(String.init) ?? "none")",
                "routes": "\(configuration.routes.count { $0.isEnabled })",
                "channels": "\(configuration.channels.map(\.name).joined(separator: ","))",
                "brokers": "\(configuration.clusters.flatMap(\.brokers).joined(separator: ","))",
            ])
        do {
            try started(ports)
        } catch {
            await service.stop()
            throw error
        }
        let reloading = Task {
            for await _ in signals.hangups { _ = await service.reloader.reload(.signal) }
        }
        let number = await signals.first()
        reloading.cancel()
        logger.info("shutting down; a second signal ends the process at once", metadata: ["signal": "\(number ?? 0)"])
        await service.stop()
        logger.info("stopped")
    }
}
