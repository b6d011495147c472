import PatchbayAPI

/// `server`, `limits`, `admin`, `reload` and `alerts` as values, with the checks that a field's kind can't express.
struct SettingsReader {
    let checks: ConfigurationChecks
    let findings: Findings

    /// `nil` when something is wrong with it; it was reported.
    func server(_ object: DecodedObject) -> ServerSettings? {
        // All of them, whatever is wrong with one.
        let origins = findings.checked(object["allowed_origins"]?.items, NameRules.origin)
        let corsOrigins = findings.checked(object["cors_origins"]?.items, NameRules.origin)
        let host = findings.checked(object["host"], NameRules.host)
        guard object.failed.isEmpty, let origins, let corsOrigins, let host,
            let port = object.int("port"), let maxClients = object.int("max_clients"),
            let readBuffer = object.int("read_buffer"), let writeBuffer = object.int("write_buffer"),
            let maxMessage = object.int("max_message"), let handshakeTimeout = object.duration("handshake_timeout"),
            let pingInterval = object.duration("ping_interval"), let drainTimeout = object.duration("drain_timeout"),
            let eventLoops = object.int("event_loops"), let maxFrame = object.int("max_frame"),
            let idleTimeout = object.duration("idle_timeout"),
            let httpIdleTimeout = object.duration("http_idle_timeout"), let drainDelay = object.duration("drain_delay"),
            let earliest = object.duration("reconnect_earliest"), let latest = object.duration("reconnect_latest"),
            let liveness = object.duration("liveness_threshold"),
            let sendBuffer = object.int("send_buffer"),
            let basePath = findings.checked(object["base_path"], NameRules.basePath),
            let proxies = findings.checked(object["trusted_proxies"]?.items, NameRules.network)
        else { return nil }
        let isSpreadSecret = object.hides("reconnect_earliest", "reconnect_latest")
        guard earliest <= latest || !findings.mayCompare(secret: isSpreadSecret) else {
            let sources = ["reconnect_earliest", "reconnect_latest"].map { object[$0]?.source }
            let variable = sources.lazy.compactMap { $0?.variable }.first
            let early = sources[0]?.variable ?? "`reconnect_earliest`"
            let late = sources[1]?.variable ?? "`reconnect_latest`"
            findings.add(
                "\(early) is later than \(late)\(isSpreadSecret ? "" : " (\(latest))")",
                at: variable == nil ? sources.lazy.compactMap { $0?.position }.first : nil, hint: "raise \(late), or lower \(early)",
                variable: variable)
            return nil
        }
        var settings = ServerSettings(
            host: host, port: port, maxClients: maxClients, readBuffer: readBuffer, writeBuffer: writeBuffer,
            maxMessage: maxMessage, handshakeTimeout: handshakeTimeout, pingInterval: pingInterval,
            drainTimeout: drainTimeout, eventLoops: eventLoops, allowedOrigins: origins, secrets: object.secrets)
        settings.sendBuffer = sendBuffer
        settings.maxFrame = maxFrame
        settings.idleTimeout = idleTimeout
        settings.httpIdleTimeout = httpIdleTimeout
        settings.drainDelay = drainDelay
        settings.reconnectEarliest = earliest
        settings.reconnectLatest = latest
        settings.livenessThreshold = liveness
        settings.corsOrigins = corsOrigins
        settings.basePath = basePath == "/" ? "" : basePath
        settings.trustedProxies = proxies
        return settings
    }

    /// `nil` when something is wrong with it; it was reported.
    func admin(_ object: DecodedObject) -> AdminSettings? {
        guard object.failed.isEmpty, let isEnabled = object["enabled"]?.bool,
            let host = findings.checked(object["host"], NameRules.host),
            let port = object.int("port"),
            let allowedHosts = findings.checked(object["allowed_hosts"]?.items, NameRules.hostPattern)
        else { return nil }
        var settings = AdminSettings(isEnabled: isEnabled, host: host, port: port, secrets: object.secrets)
        settings.allowedHosts = allowedHosts
        return settings
    }

    /// `nil` when something is wrong with it; it was reported.
    func limits(_ object: DecodedObject) -> LimitSettings? {
        guard object.failed.isEmpty else { return nil }
        var settings = LimitSettings()
        let values: [(String, WritableKeyPath<LimitSettings, Int>)] = [
            ("requests_per_second", \.requestsPerSecond), ("request_burst", \.requestBurst),
            ("control_frames_per_second", \.controlFramesPerSecond), ("control_frame_burst", \.controlFrameBurst),
            ("subscriptions", \.subscriptions), ("awaited_channels", \.awaitedChannels),
            ("awaited_channels_per_connection", \.awaitedChannelsPerConnection),
            ("connections_per_address", \.connectionsPerAddress),
            ("http_connections", \.httpConnections), ("pending_handshakes", \.pendingHandshakes),
            ("max_headers", \.maxHeaders),
        ]
        for (name, path) in values {
            guard let value = object.int(name) else { return nil }
            settings[keyPath: path] = value
        }
        settings.secrets = object.secrets
        return settings
    }

    /// `nil` when something is wrong with it; it was reported.
    func alerts(_ object: DecodedObject) -> AlertSettings? {
        let webhook = object["webhook"]?.object
        guard webhook.map(isRight) ?? true else { return nil }
        guard object.failed.isEmpty, let lagFor = object.duration("for"), let endsBelow = object["ends_below"]?.number,
            let watches = object["partial_assignment"]?.bool, let settling = object.duration("settling")
        else { return nil }
        var settings = AlertSettings()
        settings.lag = object["lag"]?.integer
        for entry in object["topics"]?.entries ?? [] {
            if let objection = NameRules.topic(entry.name) {
                findings.add(
                    "topic \(DisplayText.quoted(entry.name)) \(objection.problem)", at: entry.position, hint: objection.hint)
                return nil
            }
            guard let lag = entry.value.object?["lag"]?.integer else { return nil }
            settings.topics[entry.name] = lag
        }
        settings.lagFor = lagFor
        settings.endsBelow = endsBelow
        settings.watchesAssignment = watches
        settings.settling = settling
        settings.node = object["node"]?.string
        if let url = webhook?["url"] {
            guard let text = url.string else { return nil }
            let pairs = (webhook?["headers"]?.entries ?? []).compactMap { entry in
                entry.value.string.map { (entry.name, $0) }
            }
            settings.webhook = .init(url: text, headers: Dictionary(pairs) { first, _ in first })
        } else if let place = webhook?.keys["headers"] {
            findings.add("`headers` need the `url` they are sent to", at: place, hint: "add `url: https://…`")
            return nil
        }
        settings.secrets = object.secrets
        return settings
    }

    /// What is wrong with a webhook is reported.
    private func isRight(_ webhook: DecodedObject) -> Bool {
        let before = findings.errorCount
        if let url = webhook["url"], let text = url.string, let problem = checks.webhookURL(text) {
            findings.add(
                problem, found: nil, about: url.subject, from: url.source, hint: "for example `url: https://hooks.example.com/x`")
        }
        for header in webhook["headers"]?.entries ?? [] {
            guard let value = header.value.string, let problem = checks.webhookHeader(header.name, value) else { continue }
            findings.add(problem, at: header.position, hint: "for example `headers: { Authorization: … }`")
        }
        return findings.errorCount == before
    }

    /// `nil` when something is wrong with it; it was reported.
    func reload(_ object: DecodedObject) -> ReloadSettings? {
        guard object.failed.isEmpty, let watches = object["watch"]?.bool else { return nil }
        return ReloadSettings(watchesFiles: watches, secrets: object.secrets)
    }
}

extension DecodedObject {
    fileprivate func int(_ name: String) -> Int? { self[name]?.integer.map { Int($0) } }

    fileprivate func duration(_ name: String) -> Duration? { self[name]?.integer.map { .milliseconds($0) } }
}
