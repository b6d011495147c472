import Dispatch
import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka
import Synchronization

/// Asks the brokers of a cluster whether what the routes name is there. Creates nothing.
package enum LiveCheck {
    package struct Answer {
        package var findings: [Diagnostic] = []
        /// Why the cluster could not be asked; `nil` when it answered.
        package var unreachable: String?
    }

    /// Blocks for up to `timeout`.
    ///
    /// - Parameter variable: what KAFKA_BROKERS says, empty for nothing.
    package static func run(
        _ cluster: KafkaSettings, of configuration: RouterConfiguration, variable: String, timeout: Duration
    ) -> Answer {
        let routes = configuration.routes.filter { $0.isEnabled && $0.cluster.hasSameBytes(as: cluster.name) }
        guard !routes.isEmpty else { return Answer() }
        do throws(KafkaError) {
            let properties = cluster.properties.map { (name: $0.name, value: $0.value) }
            let (topics, advertised) = try ClusterMetadata.describe(
                brokers: cluster.brokers, properties: properties, timeout: timeout, logger: PatchbayLogs.quiet)
            return Answer(
                findings: findings(routes, existing: Set(topics.map(\.name))),
                unreachable: problem(with: advertised, of: cluster, properties, timeout: timeout))
        } catch {
            let isMain = cluster.name == KafkaSettings.defaultName
            let name = isMain ? "" : " of cluster \(cluster.name)"
            let place = cluster.brokers.joined(separator: ", ")
            let origin = isMain && !variable.isEmpty ? " (from KAFKA_BROKERS)" : ""
            return Answer(
                unreachable: "can't ask the brokers\(name) at \(place)\(origin): \(error.message)" + (isMain ? "\n\(advice(variable))" : "")
            )
        }
    }

    /// What to do when no broker of the main cluster answers. A demo's are not those of the file.
    private static func advice(_ variable: String) -> String {
        variable.isEmpty
            ? "with a running demo, name the brokers that it printed: KAFKA_BROKERS=127.0.0.1:PORT patchbay check --live"
            : "KAFKA_BROKERS overrides the file; a demo that was restarted has another port"
    }

    /// Records are read at the addresses that brokers advertise, whatever address answered first; so each is tried.
    private static func problem(
        with brokers: [AdvertisedBroker], of cluster: KafkaSettings, _ properties: [(name: String, value: String)],
        timeout: Duration
    ) -> String? {
        let unknown = brokers.filter { !cluster.brokers.contains($0.address) }
        let problems = Mutex<[Int32: String]>([:])
        DispatchQueue.concurrentPerform(iterations: unknown.count) { index in
            let broker = unknown[index]
            guard
                let problem = ClusterMetadata.problem(
                    with: broker, properties: properties, timeout: timeout, logger: PatchbayLogs.quiet)
            else { return }
            problems.withLock { $0[broker.id] = "broker \(broker.id) advertises \(broker.address): \(problem)" }
        }
        let sentences = problems.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
        guard !sentences.isEmpty else { return nil }
        return sentences.joined(separator: "\n")
            + "\ncorrect advertised.listeners of these brokers, or make those addresses reachable from here"
    }

    /// - Parameter existing: every topic of the cluster.
    static func findings(_ routes: [RouteSettings], existing: Set<String>) -> [Diagnostic] {
        routes.flatMap { route in
            var findings = route.topics.indices.compactMap { finding($0, of: route, existing: existing) }
            if case .deadLetter(let topic) = route.onError, !existing.contains(topic) {
                findings.append(
                    Diagnostic(
                        severity: .warning, position: route.deadLetterPosition ?? route.position,
                        message: "the dead-letter topic \(route.shown(topic, "dead_letter")) of route `\(route.shownName)` does not exist",
                        hint: "create it, unless the brokers create topics automatically"))
            }
            return findings
        }
    }

    private static func finding(
        _ index: Int, of route: RouteSettings, existing: Set<String>
    ) -> Diagnostic? {
        let selector = route.topics[index]
        let position = route.topicPositions.indices.contains(index) ? route.topicPositions[index] : nil
        let shown = route.shown(selector.text, "topic", "topics")
        switch selector {
        case .name(let topic):
            guard !existing.contains(topic) else { return nil }
            let near =
                route.secrets.isDisjoint(with: ["topic", "topics"])
                ? Suggestion.nearest(to: topic, among: existing.sorted()) : nil
            return Diagnostic(
                position: position ?? route.position, message: "topic \(shown) of route `\(route.shownName)` does not exist",
                hint: near.map { "did you mean `\($0)`?" } ?? "create it; until then the route gets nothing")
        case .pattern(let pattern):
            guard !existing.contains(where: pattern.matches) else { return nil }
            return Diagnostic(
                severity: .warning, position: position ?? route.position,
                message: "no topic matches \(shown) of route `\(route.shownName)` yet",
                hint: "topics that appear later are picked up automatically")
        }
    }
}

extension RouteSettings {
    /// A value of one of these keys as a message may name it.
    fileprivate func shown(_ text: String, _ keys: String...) -> String {
        secrets.isDisjoint(with: keys) ? "`\(text)`" : "from `${file:…}`"
    }
}
