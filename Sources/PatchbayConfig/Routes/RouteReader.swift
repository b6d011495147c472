import PatchbayAPI

/// `routes` and `channels` together: each route against the registered transformers, and names against each other.
struct RouteReader {
    struct Result {
        /// The right ones; the others were reported.
        var routes: [RouteSettings] = []
        var channels: [ChannelSettings] = []
        /// By path, such as `routes[0].transform`.
        var transforms: [String: TransformReader.Transform] = [:]
    }

    let transformReader: TransformReader
    let findings: Findings

    /// - Parameter root: the file against `ConfigFields.root`.
    func read(_ root: DecodedObject) -> Result {
        var result = Result()
        var mentioned = MentionedChannels()
        var firstPlaces: [String: SourcePosition] = [:]
        for route in root["routes"]?.items ?? [] {
            guard let object = route.object else { continue }
            let transform = transform(object)
            if let transform { result.transforms[route.subject.path + ".transform"] = transform }
            let topic = checked(object["topic"], NameRules.topic)
            let type = checked(object["type"], NameRules.messageType)
            let name = name(object, &firstPlaces)
            let channels = channels(object, &mentioned)
            if let name, let topic, let transform, let channels, let position = object.position {
                result.routes.append(
                    RouteSettings(
                        name: name, topic: topic, transformerName: transform.definition.name, options: transform.options,
                        factory: transform.factory, type: type ?? transform.definition.defaultType,
                        channels: channels, position: position))
            }
        }
        let listed = root["channels"]?.entries ?? []
        // Without the routes, every listed channel would seem unused.
        let canBeUnused = root["routes"] != nil && mentioned.isComplete
        for entry in listed where hasRightName(entry) && canBeUnused { reportIfUnused(entry, mentioned) }
        result.channels = settings(mentioned, listed: listed, root)
        return result
    }

    // MARK: One route

    private func transform(_ route: DecodedObject) -> TransformReader.Transform? {
        guard let value = route["transform"], case .tree(let node) = value.content else { return nil }
        return transformReader.read(node, path: value.subject.path)
    }

    private func name(_ route: DecodedObject, _ firstPlaces: inout [String: SourcePosition]) -> String? {
        guard let value = route["name"] ?? route["topic"], let name = value.string, let place = value.source.position else {
            return nil
        }
        let isGiven = route["name"] != nil
        if isGiven, checked(value, NameRules.plainName) == nil { return nil }
        if let first = firstPlaces[name] {
            findings.add(
                "route \(value.shown) is defined twice: first at line \(first.line)", at: place,
                hint: isGiven
                    ? "give each route a name of its own"
                    : "a route is named after its topic unless it has a `name`; give one of them a `name`")
            return nil
        }
        firstPlaces[name] = place
        return name
    }

    private func channels(_ route: DecodedObject, _ mentioned: inout MentionedChannels) -> [String]? {
        if !route.failed.isDisjoint(with: ["channel", "channels"]) { mentioned.isComplete = false }
        switch (route.keys["channel"], route.keys["channels"]) {
        case (nil, nil):
            findings.add(
                "a route needs `channel` or `channels`", at: route.position,
                hint: "add `channel: NAME` or `channels: [NAME, NAME]`")
            mentioned.isComplete = false
            return nil
        case (let one?, let several?):
            let second = (one.line, one.column) < (several.line, several.column) ? several : one
            findings.add("a route has either `channel` or `channels`, not both", at: second, hint: "put every name into `channels`")
        default: break
        }
        let values = (route["channel"].map { [$0] } ?? []) + (route["channels"]?.items ?? [])
        var names: [String] = []
        var seen: Set<String> = []
        var isRight = !values.isEmpty
        for value in values {
            guard let name = value.string else { continue }
            mentioned.add(name, isSecret: value.subject.isSecret)
            if checked(value, NameRules.channel) == nil { isRight = false }
            if !seen.insert(name).inserted {
                findings.add(
                    "channel \(value.shown) is named twice in this route", at: value.source.position,
                    hint: "remove one of them")
                isRight = false
            }
            names.append(name)
        }
        return isRight ? names : nil
    }

    /// The text, when the rule has nothing against it.
    private func checked(_ value: DecodedValue?, _ rule: (String) -> NameRules.Objection?) -> String? {
        guard let value, let text = value.string else { return nil }
        guard let objection = rule(text) else { return text }
        findings.add(
            objection.problem, found: Shown.quoted(text), about: value.subject, from: value.source, hint: objection.hint)
        return nil
    }

    // MARK: Channels

    private func hasRightName(_ entry: DecodedEntry) -> Bool {
        guard let objection = NameRules.channel(entry.name) else { return true }
        findings.add("channel name \(Shown.quoted(entry.name)) \(objection.problem)", at: entry.position, hint: objection.hint)
        return false
    }

    private func reportIfUnused(_ entry: DecodedEntry, _ mentioned: MentionedChannels) {
        guard !mentioned.contains(entry.name) else { return }
        guard !findings.isFull else { return findings.add("unused channel", at: entry.position) }
        // Bounded, because every unused channel is compared with every name.
        let near = Suggestion.nearest(to: entry.name, among: mentioned.showable.prefix(1000))
        findings.add(
            "no route uses channel \(Shown.quoted(entry.name))", at: entry.position,
            hint: near.map { "did you mean \(Shown.quoted($0))?" } ?? "remove it, or name it in a route's `channel`")
    }

    private func settings(
        _ mentioned: MentionedChannels, listed: [DecodedEntry], _ root: DecodedObject
    ) -> [ChannelSettings] {
        let byName = Dictionary(listed.map { ($0.name, $0.value.object) }) { first, _ in first }
        let inherited = root["defaults"]?.object?["buffer"]?.integer ?? 0
        return mentioned.names.map { name in
            let own = byName[name] ?? nil
            return ChannelSettings(
                name: name, buffer: Int(own?["buffer"]?.integer ?? inherited), description: own?["description"]?.string)
        }
    }
}

/// Channels that routes name, in the order of first mention.
private struct MentionedChannels {
    private(set) var names: [String] = []
    /// Those that a message may suggest.
    private(set) var showable: [String] = []
    private var seen: Set<String> = []
    /// Whether every route's channels could be read.
    var isComplete = true

    mutating func add(_ name: String, isSecret: Bool) {
        guard seen.insert(name).inserted else { return }
        names.append(name)
        if !isSecret { showable.append(name) }
    }

    func contains(_ name: String) -> Bool { seen.contains(name) }
}
