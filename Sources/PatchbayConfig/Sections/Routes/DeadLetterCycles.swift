import PatchbayAPI

/// Ways on which refused records would come back forever: a route takes another's dead letters, refuses them too, and
/// its own dead letters come, over however many routes, to the first one again.
///
/// A graph of dead-letter topics; an edge is a route that takes one of them and writes to another.
struct DeadLetterCycles {
    private struct Edge {
        let route: Int
        let target: Int
    }

    /// Topics and routes of a cycle that a message names.
    private static let shownSteps = 10

    private let routes: [RouteSettings]
    /// Numbered in the order of first mention; topics of different clusters are different.
    private var topics: [(cluster: String, name: String)] = []
    private var edges: [[Edge]] = []

    /// - Parameter routes: right ones.
    init(_ routes: [RouteSettings], budget: PatternBudget, findings: Findings) {
        self.routes = routes
        var numbers: [[ByteString]: Int] = [:]
        var targets: [(route: Int, topic: Int)] = []
        for (index, route) in routes.enumerated() where route.isEnabled {
            guard case .deadLetter(let topic) = route.onError,
                findings.mayCompare(secret: !route.secrets.isDisjoint(with: ["topic", "topics", "dead_letter", "cluster"]))
            else { continue }
            let number = numbers[[ByteString(route.cluster), ByteString(topic)]] ?? topics.count
            if number == topics.count {
                numbers[[ByteString(route.cluster), ByteString(topic)]] = number
                topics.append((route.cluster, topic))
            }
            targets.append((index, number))
        }
        edges = Array(repeating: [], count: topics.count)
        for (index, target) in targets {
            for selector in routes[index].topics {
                for source in sources(of: selector, in: routes[index].cluster, numbers, budget)
                // Of several routes from one topic to another, one will do.
                where edges[source].last?.target != target {
                    edges[source].append(Edge(route: index, target: target))
                }
            }
        }
    }

    private func sources(
        of selector: TopicSelector, in cluster: String, _ numbers: [[ByteString]: Int], _ budget: PatternBudget
    ) -> [Int] {
        switch selector {
        case .name(let name): return numbers[[ByteString(cluster), ByteString(name)]].map { [$0] } ?? []
        case .pattern(let pattern):
            guard budget.compares(topics.count) else { return [] }
            return topics.indices.filter { topics[$0].cluster.hasSameBytes(as: cluster) && pattern.matches(topics[$0].name) }
        }
    }

    /// One finding per way back, at the dead-letter topic of its first route.
    func report(_ findings: Findings) {
        enum State { case new, onWay, done }
        var states = Array(repeating: State.new, count: topics.count)
        for start in topics.indices where states[start] == .new {
            // Depth first without recursion: a chain may be as long as there are routes.
            var way: [(topic: Int, next: Int)] = [(start, 0)]
            states[start] = .onWay
            while let (topic, next) = way.last {
                guard next < edges[topic].count else {
                    states[topic] = .done
                    way.removeLast()
                    continue
                }
                way[way.count - 1].next += 1
                let target = edges[topic][next].target
                switch states[target] {
                case .new:
                    states[target] = .onWay
                    way.append((target, 0))
                case .onWay:
                    guard !findings.isFull, let first = way.firstIndex(where: { $0.topic == target }) else { return }
                    report(way[first...].map { edges[$0.topic][$0.next - 1].route }, findings)
                case .done: break
                }
            }
        }
    }

    /// - Parameter cycle: routes, each of which takes the dead letters of the one before, the first those of the last.
    private func report(_ cycle: [Int], _ findings: Findings) {
        guard let start = cycle.indices.min(by: { cycle[$0] < cycle[$1] }) else { return }
        let ordered = (cycle[start...] + cycle[..<start]).map { routes[$0] }
        let steps = ordered.prefix(Self.shownSteps).map { route in
            "route \(DisplayText.quoted(route.shownName)) → \(shownDeadLetter(of: route))"
        }
        let rest = ordered.count > steps.count ? ["\(ordered.count - steps.count) more routes"] : []
        let way = (steps + rest + ["route \(DisplayText.quoted(ordered[0].shownName))"]).joined(separator: " → ")
        findings.add(
            "refused records would come back forever: \(way)", at: ordered[0].deadLetterPosition ?? ordered[0].position,
            hint: "give one of them a `dead_letter` topic that no route with `on_error: dead_letter` reads")
    }

    private func shownDeadLetter(of route: RouteSettings) -> String {
        guard case .deadLetter(let topic) = route.onError else { return "" }
        return route.secrets.contains("dead_letter") ? SecretMask.text : DisplayText.quoted(topic)
    }
}
