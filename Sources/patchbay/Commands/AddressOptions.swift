import ArgumentParser
import Foundation
import PatchbayConfig
import PatchbayRuntime

/// The brokers that a command talks to, as `--brokers` or KAFKA_BROKERS names them.
enum BrokerList {
    static let fallback = "localhost:9092"
    private static let variable = "KAFKA_BROKERS"

    /// - Throws: when what `--brokers` says can't be brokers. librdkafka would take a word for port 0 and try until the time is up.
    static func check(_ option: String?) throws {
        guard let option else { return }
        do throws(BrokerAddresses.Mistake) {
            _ = try BrokerAddresses.read(option, from: "--brokers")
        } catch {
            throw ValidationError("--brokers: `\(error.text)` \(sentence(error))")
        }
    }

    /// - Throws: exit code 78, after saying so, when the variable names something else than brokers.
    static func of(_ option: String?, environment: [String: String]) throws -> [String] {
        let given = environment[variable].flatMap { $0.isEmpty ? nil : $0 }
        do throws(BrokerAddresses.Mistake) {
            return try BrokerAddresses.read(option ?? given ?? fallback, from: option == nil ? variable : "--brokers")
        } catch {
            throw Exit.because("\(option == nil ? variable : "--brokers"): `\(error.text)` \(sentence(error))", Exit.configuration)
        }
    }

    private static func sentence(_ mistake: BrokerAddresses.Mistake) -> String {
        let hint = mistake.hint?.replacing("set `security.protocol` under `properties`", with: "use `--property security.protocol=…`")
        // Where the documents say KAFKA_PORT, a number belongs.
        let source = hint?.contains("is not a port") == true ? " (a demo prints its brokers when it starts)" : ""
        return mistake.problem + (hint.map { "; \($0)\(source)" } ?? "")
    }
}

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
