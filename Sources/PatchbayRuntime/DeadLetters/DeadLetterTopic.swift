import PatchbayAPI
import PatchbayConfig

/// A topic of dead letters that routes of a file name.
package struct DeadLetterTopic: Sendable {
    /// Its cluster.
    package let settings: KafkaSettings
    package let name: String
    /// The name, masked when it came out of a secret file.
    package let shownName: String

    package func isSame(as other: DeadLetterTopic) -> Bool {
        name.hasSameBytes(as: other.name) && settings.name.hasSameBytes(as: other.settings.name)
    }

    /// Each once, those of disabled routes included, in the order of the file.
    package static func all(of configuration: RouterConfiguration) -> [DeadLetterTopic] {
        var topics: [DeadLetterTopic] = []
        for route in configuration.routes {
            guard case .deadLetter(let name) = route.onError,
                let settings = configuration.clusters.first(where: { $0.name.hasSameBytes(as: route.cluster) }),
                !topics.contains(where: { $0.name.hasSameBytes(as: name) && $0.settings.name.hasSameBytes(as: settings.name) })
            else { continue }
            topics.append(DeadLetterTopic(settings: settings, name: name, shownName: route.shownDeadLetterTopic ?? name))
        }
        return topics
    }
}

/// The names of a file that came out of secret files: letters repeat them, and reports must not.
package struct MaskedNames: Sendable {
    private let secrets: Set<ByteString>

    package init(_ configuration: RouterConfiguration) {
        var secrets: Set<ByteString> = []
        for route in configuration.routes {
            if !route.secrets.isDisjoint(with: ["name", "topic", "topics"]) { secrets.insert(ByteString(route.name)) }
            if !route.secrets.isDisjoint(with: ["topic", "topics"]) { secrets.formUnion(route.topics.map { ByteString($0.text) }) }
            if case .deadLetter(let topic) = route.onError, route.secrets.contains("dead_letter") { secrets.insert(ByteString(topic)) }
        }
        self.secrets = secrets
    }

    /// A name, masked when it is one of them.
    package func shown(_ name: String) -> String { secrets.contains(ByteString(name)) ? SecretMask.text : name }

    /// A sentence of `KafkaError`, which names topics between backticks.
    package func masked(_ sentence: String) -> String {
        secrets.reduce(sentence) { $0.replacing("`\($1.string)`", with: "`\(SecretMask.text)`") }
    }
}
