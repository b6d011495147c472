import PatchbayAPI

/// What changes when one configuration replaces another.
public struct ConfigurationDifference: Sendable, Equatable, Encodable {
    public enum Action: String, Sendable, Codable { case added, removed, changed }

    /// One thing that changes.
    public struct Change: Sendable, Equatable, Codable {
        /// `route`, `channel`, `topic`, `cluster`, or `setting`.
        public let kind: String
        /// Such as `trades`; topics of other clusters than the default one as `cluster/topic`.
        public let name: String
        public let action: Action
        /// What about it, in words; empty when its coming or going says all.
        public let details: [String]
        /// Whether it takes a restart of the process.
        public let needsRestart: Bool
    }

    /// Routes, then channels, topics, clusters and settings, each in the order of the new file.
    public let changes: [Change]

    public var isEmpty: Bool { changes.isEmpty }

    /// Settings whose change takes a restart, such as `server.port`.
    public var restartNeeded: [String] { changes.filter(\.needsRestart).map(\.name) }

    public init(from old: RouterConfiguration, to new: RouterConfiguration) {
        changes =
            Self.routes(old, new) + Self.channels(old, new) + Self.topics(old, new) + Self.clusters(old, new)
            + Self.settings(old, new)
    }

    private static func routes(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        compare(old.routes, new.routes, kind: "route", name: \.name, shown: \.shownName) { before, after in
            RouteSettings.aspects.filter { !$0.isSame(before, after) }
                .map { "\($0.name): \($0.describe(before)) → \($0.describe(after))" }
        } describe: { route in
            let topics = route.topics.map(\.text).joined(separator: ", ")
            let channels = route.channels.map(\.text).joined(separator: ", ")
            let way = "\(route.shows(["topic", "topics"]) ? topics : SecretMask.text) → "
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
        let secret = Set((old.routes + new.routes).filter { !$0.shows(["channel", "channels"]) }.flatMap(\.channels).map { ByteString($0.text) })
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
            var details: [String] = []
            func compare(_ key: String, _ value: (KafkaSettings) -> String) {
                guard !value(before).hasSameBytes(as: value(after)) else { return }
                details.append("\(key): \(before.shown(key, value(before))) → \(after.shown(key, value(after)))")
            }
            compare("brokers") { $0.brokers.joined(separator: ", ") }
            compare("group") { $0.group }
            compare("batch_size") { "\($0.batchSize)" }
            compare("max_record") { "\($0.maxRecord)" }
            compare("dead_letter_timeout") { "\($0.deadLetterTimeout)" }
            // Their values may be secrets.
            let values = { (settings: KafkaSettings) in
                Dictionary(settings.properties.map { (ByteString($0.name), ByteString($0.value)) }) { first, _ in first }
            }
            let (was, will) = (values(before), values(after))
            let changed = Set(was.keys).union(will.keys).filter { was[$0] != will[$0] }.sorted()
            details += changed.map { "properties: \($0)" }
            return details.isEmpty ? ["properties"] : details
        }
    }

    private static func settings(_ old: RouterConfiguration, _ new: RouterConfiguration) -> [Change] {
        thresholds(old.alerts, new.alerts) + zip(old.listed, new.listed).filter { !$0.value.hasSameBytes(as: $1.value) }.map { was, will in
            Change(
                kind: "setting", name: will.name, action: .changed, details: ["\(was.shown) → \(will.shown)"],
                needsRestart: true)
        }
    }

    /// Thresholds of alerts, which a running process takes up.
    private static func thresholds(_ old: AlertSettings, _ new: AlertSettings) -> [Change] {
        /// - Parameter key: of `alerts`, below which the value is; secret as a whole when anything below it is.
        func change(_ name: String, below key: String, _ before: Int64?, _ after: Int64?) -> Change? {
            guard before != after else { return nil }
            let shown = [before, after].map { $0.map(String.init) ?? "none" }
            return Change(
                kind: "setting", name: name, action: .changed,
                details: new.secrets.contains(key) || old.secrets.contains(key)
                    ? [SecretMask.text] : ["\(shown[0]) → \(shown[1])"],
                needsRestart: false)
        }
        let topics = Set(old.topics.keys).union(new.topics.keys).sorted()
        return [change("alerts.lag", below: "lag", old.lag, new.lag)].compactMap(\.self)
            + topics.compactMap { change("alerts.topics.\($0).lag", below: "topics", old.topics[$0], new.topics[$0]) }
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

extension KafkaSettings {
    fileprivate func shown(_ key: String, _ value: String) -> String { secrets.contains(key) ? SecretMask.text : value }
}

/// A setting that a running process can't change.
private struct FixedSetting {
    let name: String
    let value: String
    let shown: String

    init(_ section: String, _ key: String, _ value: String, _ secrets: Set<String>) {
        name = "\(section).\(key)"
        self.value = value
        shown = secrets.contains(key) ? SecretMask.text : value
    }
}

extension RouterConfiguration {
    fileprivate var listed: [FixedSetting] {
        let ofServer = [
            ("host", server.host), ("port", "\(server.port)"), ("max_clients", "\(server.maxClients)"),
            ("read_buffer", "\(server.readBuffer)"), ("write_buffer", "\(server.writeBuffer)"),
            ("max_message", "\(server.maxMessage)"), ("handshake_timeout", "\(server.handshakeTimeout)"),
            ("ping_interval", "\(server.pingInterval)"), ("drain_timeout", "\(server.drainTimeout)"),
            ("event_loops", "\(server.eventLoops)"),
            ("allowed_origins", server.allowedOrigins.joined(separator: ", ")),
            ("send_buffer", "\(server.sendBuffer)"), ("max_frame", "\(server.maxFrame)"), ("idle_timeout", "\(server.idleTimeout)"),
            ("http_idle_timeout", "\(server.httpIdleTimeout)"), ("drain_delay", "\(server.drainDelay)"),
            ("reconnect_earliest", "\(server.reconnectEarliest)"), ("reconnect_latest", "\(server.reconnectLatest)"),
            ("liveness_threshold", "\(server.livenessThreshold)"),
            ("cors_origins", server.corsOrigins.joined(separator: ", ")),
            ("base_path", server.basePath), ("trusted_proxies", server.trustedProxies.joined(separator: ", ")),
        ]
        let ofLimits = [
            ("requests_per_second", limits.requestsPerSecond), ("request_burst", limits.requestBurst),
            ("control_frames_per_second", limits.controlFramesPerSecond), ("control_frame_burst", limits.controlFrameBurst),
            ("subscriptions", limits.subscriptions), ("awaited_channels", limits.awaitedChannels),
            ("awaited_channels_per_connection", limits.awaitedChannelsPerConnection),
            ("connections_per_address", limits.connectionsPerAddress),
            ("http_connections", limits.httpConnections), ("pending_handshakes", limits.pendingHandshakes),
            ("max_headers", limits.maxHeaders),
        ]
        let ofAlerts = [
            ("for", "\(alerts.lagFor)"), ("ends_below", "\(alerts.endsBelow)"),
            ("partial_assignment", "\(alerts.watchesAssignment)"), ("settling", "\(alerts.settling)"),
            ("node", alerts.node ?? ""),
        ]
        let ofAdmin = [
            ("enabled", "\(admin.isEnabled)"), ("host", admin.host), ("port", "\(admin.port)"),
            ("allowed_hosts", admin.allowedHosts.joined(separator: ", ")),
        ]
        return ofServer.map { FixedSetting("server", $0, $1, server.secrets) }
            + ofAdmin.map { FixedSetting("admin", $0, $1, admin.secrets) }
            + [FixedSetting("reload", "watch", "\(reload.watchesFiles)", reload.secrets)]
            + ofLimits.map { FixedSetting("limits", $0, "\($1)", limits.secrets) }
            + ofAlerts.map { FixedSetting("alerts", $0, $1, alerts.secrets) }
            + [FixedSetting("alerts", "webhook", alerts.webhook.map { "\($0)" } ?? "", ["webhook"])]
    }
}
