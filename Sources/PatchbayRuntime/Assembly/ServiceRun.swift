import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayPlugins

/// Why a service did not start.
package enum StartFailure: Error {
    /// The routes file has errors; they have been reported.
    case configuration
    /// With the sentence that says which port, and why.
    case port(String)
}

/// What `serve` and `demo` do alike: start, wait for a signal, stop.
package enum ServiceRun {
    /// - Parameters:
    ///   - path: the routes file.
    ///   - transformers: what routes may name.
    ///   - environment: wins over the file, now and at every reload.
    ///   - consumerProperties: librdkafka properties that hold unless the file sets them.
    ///   - rejoinsAfter: for an embedded Kafka; see `ConsumerConfiguration.rejoinsAfter`.
    ///   - report: takes what was found in the file, errors and warnings; not called without any.
    ///   - started: called when it serves; what it throws ends the service.
    /// - Throws: `StartFailure`, or what `started` throws.
    package static func run(
        path: String, transformers: TransformerSet, environment: [String: String],
        consumerProperties: [(name: String, value: String)] = [],
        rejoinsAfter: Duration? = nil,
        logger: Logger,
        report: ([Diagnostic]) -> Void,
        started: (RouterService.Ports) throws -> Void = { _ in }
    ) async throws {
        let signals = Signals()
        PluginLoader.log(to: logger)
        let load = { @Sendable (hidesVariables: Bool) in
            ConfigurationFile.read(path, environment: environment, transformers: transformers, hidesVariables: hidesVariables)
        }
        let loaded = load(true)
        if !loaded.findings.isEmpty {
            // This terminal is the operator's, who sets the variables: findings may name their values.
            report(load(false).findings)
        }
        guard let configuration = loaded.configuration else { throw StartFailure.configuration }
        warnOfFileLimit(configuration, logger)
        let service = RouterService(
            configuration: configuration, loaded: loaded,
            reload: { candidate in
                guard let candidate else { return load(true) }
                return ConfigurationFile.read(candidate, insteadOf: path, environment: environment, transformers: transformers)
            },
            consumerProperties: consumerProperties, rejoinsAfter: rejoinsAfter, logger: logger)
        let ports: RouterService.Ports
        do throws(RouterService.CantListen) {
            ports = try await service.start()
        } catch {
            throw StartFailure.port(
                "can't listen on \(error.address): \(error.reason); is another process using the port? "
                    + "Set \(error.variable) or \(error.setting)")
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
        // Nothing comes after the last line.
        PatchbayLogs.flush()
        logger.info("stopped")
    }

    private static func warnOfFileLimit(_ configuration: RouterConfiguration, _ logger: Logger) {
        let files = FileLimit.raise()
        let wanted = FileLimit.needed(by: configuration)
        guard files < wanted else { return }
        logger.warning(
            "the limit on open files is below what server.max_clients, limits.http_connections and limits.pending_handshakes need; raise it (ulimit -n, LimitNOFILE)",
            metadata: ["limit": "\(files)", "needed": "\(wanted)"])
    }
}
