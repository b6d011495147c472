import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka

/// Asks the brokers of a cluster whether what the routes name is there. Creates nothing.
enum LiveCheck {
    struct Answer {
        var findings: [Diagnostic] = []
        /// Why the cluster could not be asked; `nil` when it answered.
        var unreachable: String?
    }

    /// Blocks for up to `timeout`.
    static func run(_ cluster: KafkaSettings, of configuration: RouterConfiguration, timeout: Duration) -> Answer {
        let routes = configuration.routes.filter { $0.isEnabled && $0.cluster.hasSameBytes(as: cluster.name) }
        guard !routes.isEmpty else { return Answer() }
        do throws(KafkaError) {
            let topics = try ClusterMetadata.topics(
                brokers: cluster.brokers, properties: cluster.properties.map { ($0.name, $0.value) }, timeout: timeout,
                logger: Logs.quiet)
            return Answer(findings: findings(routes, existing: Set(topics.map(\.name))))
        } catch {
            let name = cluster.name == KafkaSettings.defaultName ? "" : " of cluster \(cluster.name)"
            return Answer(
                unreachable: "can't ask the brokers\(name) at \(cluster.brokers.joined(separator: ", ")): \(error.message)")
        }
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
                        hint: "create it, unless the brokers create topics by themselves"))
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
            let near = route.secrets.isDisjoint(with: ["topic", "topics"])
                ? Suggestion.nearest(to: topic, among: existing.sorted()) : nil
            return Diagnostic(
                position: position ?? route.position, message: "topic \(shown) of route `\(route.shownName)` does not exist",
                hint: near.map { "did you mean `\($0)`?" } ?? "create it; until then the route gets nothing")
        case .pattern(let pattern):
            guard !existing.contains(where: pattern.matches) else { return nil }
            return Diagnostic(
                severity: .warning, position: position ?? route.position,
                message: "no topic matches \(shown) of route `\(route.shownName)` yet",
                hint: "topics that appear later are picked up by themselves")
        }
    }
}

extension RouteSettings {
    /// A value of one of these keys as a message may name it.
    fileprivate func shown(_ text: String, _ keys: String...) -> String {
        secrets.isDisjoint(with: keys) ? "`\(text)`" : "from `${file:…}`"
    }
}
