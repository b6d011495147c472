import ArgumentParser
import Foundation
import PatchbayConfig

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
