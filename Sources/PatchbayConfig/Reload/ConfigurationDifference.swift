import PatchbayAPI
import PatchbaySettings

/// What changes when one configuration replaces another.
public struct ConfigurationDifference: Sendable, Equatable, Encodable {
    public enum Action: String, Sendable, Codable { case added, removed, changed }

    /// One thing that changes.
    public struct Change: Sendable, Equatable, Codable {
        /// `route`, `channel`, `topic`, `cluster`, `plugin`, or `setting`.
        public let kind: String
        /// Such as `trades`; topics of other clusters than the default one as `cluster/topic`.
        public let name: String
        public let action: Action
        /// What about it, in words; empty when its coming or going says all.
        public let details: [String]
        /// Whether it takes a restart of the process.
        public let needsRestart: Bool
    }

    /// Routes, then channels, topics, clusters, plugins and settings, each in the order of the new file.
    public let changes: [Change]

    public var isEmpty: Bool { changes.isEmpty }

    /// Settings whose change takes a restart, such as `server.port`.
    public var restartNeeded: [String] { changes.filter(\.needsRestart).map(\.name) }

    public init(from old: RouterConfiguration, to new: RouterConfiguration) {
        changes =
            Self.routes(old, new) + Self.channels(old, new) + Self.topics(old, new) + Self.clusters(old, new)
            + Self.plugins(old, new) + Self.settings(old, new)
    }

    private static func routes(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        compare(old.routes, new.routes, kind: "route", name: \.name, shown: \.shownName) { before, after in
            RouteSettings.aspects.filter { !$0.isSame(before, after) }
                .map { "\($0.name): \($0.describe(before)) → \($0.describe(after))" }
        } describe: { route in
            let topics = route.topics.map(\.text).joined(separator: ", ")
            let channels = route.channels.map(\.text).joined(separator: ", ")
            let way =
                "\(route.shows(["topic", "topics"]) ? topics : SecretMask.text) → "
                + (route.shows(["channel", "channels"]) ? channels : SecretMask.text)
            return [way] + (route.isEnabled ? [] : ["disabled"])
        }
    }

    private static func channels(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        func templates(_ configuration: RouterConfiguration) -> [ChannelSettings] {
            var seen: Set<ByteString> = []
            return configuration.routes.filter(\.isEnabled).flatMap { route in
                route.channels.filter { !$0.isPlain && seen.insert(ByteString($0.text)).inserted }
                    .map {
                        ChannelSettings(
                            name: $0.text, buffer: route.templateBuffer, description: nil,
                            secrets: route.secrets.intersection(["buffer"]))
                    }
            }
        }
        let secret = Set(
            (old.routes + new.routes).filter { !$0.shows(["channel", "channels"]) }.flatMap(\.channels).map { ByteString($0.text) })
        return compare(
            old.channels + templates(old), new.channels + templates(new), kind: "channel", name: \.name,
            shown: { secret.contains(ByteString($0.name)) ? SecretMask.text : $0.name }
        ) { before, after in
            var details: [String] = []
            if before.buffer != after.buffer { details.append("buffer: \(before.shownBuffer) → \(after.shownBuffer)") }
            if before.description.map({ ByteString($0) }) != after.description.map({ ByteString($0) }) { details.append("description") }
            return details
        }
    }

    private static func topics(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        struct Topic {
            let name: String
            let shown: String
        }
        func topics(_ configuration: RouterConfiguration) -> [Topic] {
            var seen: Set<ByteString> = []
            return configuration.routes.filter(\.isEnabled).flatMap { route in
                route.topics.map { topic in
                    let prefix = route.cluster == KafkaSettings.defaultName ? "" : "\(route.cluster)/"
                    return Topic(
                        name: prefix + topic.text,
                        shown: route.shows(["topic", "topics", "cluster"]) ? prefix + topic.text : SecretMask.text)
                }
            }.filter { seen.insert(ByteString($0.name)).inserted }
        }
        return compare(topics(old), topics(new), kind: "topic", name: \.name, shown: \.shown) { _, _ in [] }
    }

    private static func clusters(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        compare(old.clusters, new.clusters, kind: "cluster", name: \.name, shown: \.name) { before, after in
            guard !before.isEquivalent(to: after) else { return [] }
            let section = KafkaSettings.section
            let properties = section.field(\.properties)
            let keys = section.settings.filter { $0.field.name != properties && !$0.isSame(before, after) }
            var details = keys.map { "\($0.field.name): \($0.shown(before)) → \($0.shown(after))" }
            // Their values may be secrets.
            let values = { (settings: KafkaSettings) in
                Dictionary(settings.properties.map { (ByteString($0.name), ByteString($0.value)) }) { first, _ in first }
            }
            let (was, will) = (values(before), values(after))
            let changed = Set(was.keys).union(will.keys).filter { was[$0] != will[$0] }.sorted()
            details += changed.map { "\(properties): \($0)" }
            return details.isEmpty ? [properties] : details
        }
    }

    private static func plugins(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        compare(old.plugins, new.plugins, kind: "plugin", name: \.path, shown: \.shownPath) { before, after in
            (before.revision == after.revision ? [] : ["content: \(before.revision) → \(after.revision)"])
                + (before.isolation == after.isolation ? [] : ["isolate: \(before.shownIsolation) → \(after.shownIsolation)"])
        }
    }

    private static func settings(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        AlertSettings.changedThresholds(old.alerts, new.alerts) + ServerSettings.section.changes(old.server, new.server)
            + AdminSettings.section.changes(old.admin, new.admin) + ReloadSettings.section.changes(old.reload, new.reload)
            + LimitSettings.section.changes(old.limits, new.limits) + AlertSettings.section.changes(old.alerts, new.alerts)
    }

    private static func compare<Item>(
        _ old: [Item], _ new: [Item], kind: String, name: (Item) -> String, shown: (Item) -> String,
        details: (Item, Item) -> [String], describe: (Item) -> [String] = { _ in [] }
    ) -> [Change] {
        func change(_ item: Item, _ action: Action, _ details: [String] = []) -> Change {
            Change(kind: kind, name: shown(item), action: action, details: details, needsRestart: false)
        }
        let before = Dictionary(old.map { (ByteString(name($0)), $0) }) { first, _ in first }
        let names = Set(new.map { ByteString(name($0)) })
        let kept = new.compactMap { item -> Change? in
            guard let was = before[ByteString(name(item))] else { return change(item, .added, describe(item)) }
            let details = details(was, item)
            return details.isEmpty ? nil : change(item, .changed, details)
        }
        return kept + old.filter { !names.contains(ByteString(name($0))) }.map { change($0, .removed) }
    }

    /// For people: one line per change, `+` for what comes, `-` for what goes, `~` for what changes.
    public var text: String { Self.text(of: changes) }

    public static func text(of changes: [Change]) -> String {
        changes.map { change in
            let sign =
                switch change.action {
                case .added: "+"
                case .removed: "-"
                case .changed: "~"
                }
            let details = change.details.isEmpty ? "" : ": " + change.details.joined(separator: "; ")
            let restart = change.needsRestart ? " (needs a restart)" : ""
            return "\(sign) \(change.kind) \(change.name)\(details)\(restart)\n"
        }.joined()
    }
}

extension RouteSettings {
    /// Whether what these keys say may be shown.
    fileprivate func shows(_ keys: [String]) -> Bool { secrets.isDisjoint(with: keys) }
}

extension ChannelSettings {
    fileprivate var shownBuffer: String { secrets.contains("buffer") ? SecretMask.text : "\(buffer)" }
}
