import ArgumentParser
import Foundation
import PatchbayRuntime

/// The port of a running server, as an option or a variable names it.
enum ServerPort {
    /// - Throws: when what `--port` says can't be a port.
    static func check(_ port: Int?) throws {
        guard let port, !ServerAddress.ports.contains(port) else { return }
        throw ValidationError("--port must be between \(ServerAddress.ports.lowerBound) and \(ServerAddress.ports.upperBound)")
    }

    /// What the variable says; `fallback` when it is not set, or to nothing.
    ///
    /// - Throws: exit code 78, after saying so, when it says something else.
    static func of(_ variable: String, default fallback: Int) throws -> Int {
        guard let text = ProcessInfo.processInfo.environment[variable], !text.isEmpty else { return fallback }
        guard let port = Int(text), ServerAddress.ports.contains(port) else {
            throw Exit.because(
                "\(variable) is `\(text)`, which is not a valid port (\(ServerAddress.ports.lowerBound) to \(ServerAddress.ports.upperBound))",
                Exit.configuration)
        }
        return port
    }
}

extension ServerAddress {
    /// What `--host` says, as `read` takes it.
    ///
    /// - Parameters:
    ///   - port: what `--port` says.
    ///   - fallback: the port when neither says one.
    static func option(_ text: String, port: Int?, fallback: () throws -> Int) throws -> ServerAddress {
        let given: (host: String, port: Int?)
        do throws(AddressMistake) {
            given = try read(text)
        } catch {
            throw ValidationError("--host: \(error.reason)")
        }
        if let own = given.port, let port, own != port { throw ValidationError("--host says port \(own), and --port says \(port)") }
        return ServerAddress(host: given.host, port: try port ?? given.port ?? fallback())
    }
}
