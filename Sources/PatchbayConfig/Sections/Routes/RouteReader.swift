import PatchbayAPI

/// `routes` and `channels` of all files together: each route by itself, and names against each other.
struct RouteReader {
    struct Result {
        /// The right ones; the others were reported.
        var routes: [RouteSettings] = []
        var channels: [ChannelSettings] = []
        /// The chain of each right `transform`, by path, such as `routes[0].transform`.
        var chains: [String: [TransformReader.Step]] = [:]
    }

    /// The type of messages when neither the route nor a transformer has one.
    static let fallbackType = "message"

    let transformReader: TransformReader
    let decoder: FieldDecoder
    let findings: Findings
    let checks: ConfigurationChecks
    /// Names of all clusters, those with a mistake included.
    let clusters: Set<ByteString>
    let schemas = OutputSchemas()

    /// - Parameter files: the top level of every file, the one with `defaults` first.
    func read(_ files: [DecodedObject]) -> Result {
        let defaults = files.first?["defaults"]?.object
        var result = Result()
        var names = RouteNames()
        var channelReader = ChannelReader(files, defaults: defaults, findings: findings)
        let budget = PatternBudget()
        let parts = Parts(
            defaults: defaults, secretDefaults: defaults?.secrets ?? [], topics: TopicReader(budget: budget, findings: findings),
            policies: ErrorPolicyReader(defaults: defaults, findings: findings),
            tests: TestReader(budget: budget, decoder: decoder, findings: findings))
        let routes = files.flatMap { $0["routes"]?.items ?? [] }.compactMap { route in
            route.object.map { (object: $0, path: route.subject.path) }
        }
        let chains = transformReader.configure(routes.map { drafts($0.object) })
        for (route, chain) in zip(routes, chains) {
            if let chain { result.chains[route.path + ".transform"] = chain }
            if let settings = self.route(route.object, chain, parts, &names, &channelReader) {
                result.routes.append(settings)
            }
        }
        DeadLetterCycles(result.routes, budget: budget, findings: findings).report(findings)
        // A file whose routes can't be read at all may use any channel.
        if files.allSatisfy({ !$0.failed.contains("routes") }) { channelReader.reportUnused() }
        channelReader.reportOverlaps()
        result.channels = channelReader.channels()
        return result
    }

    /// What reads the parts of every route.
    private struct Parts {
        let defaults: DecodedObject?
        /// Keys of the defaults whose values must not be shown.
        let secretDefaults: Set<String>
        let topics: TopicReader
        let policies: ErrorPolicyReader
        let tests: TestReader
    }

    private func route(
        _ object: DecodedObject, _ chain: [TransformReader.Step]?, _ parts: Parts, _ names: inout RouteNames,
        _ channelReader: inout ChannelReader
    ) -> RouteSettings? {
        let isEnabled = object["enabled"]?.bool ?? true
        let topics = parts.topics.read(object)
        let type = findings.checked(object["type"], NameRules.messageType)
        let name = names.claim(object, topics: topics, findings: findings)
        let channels = channelReader.read(object, isEnabled: isEnabled)
        let templateBuffer = channels.flatMap { channelReader.templateBuffer($0, of: object) }
        let policy = parts.policies.read(object, topics: topics)
        if let chain, let channels { judge(channels, of: object, behind: chain) }
        let tombstones = tombstones(object, parts.defaults, channels, chain)
        if let chain { judge(chain, of: object, policy, channels) }
        let tests = parts.tests.read(object, topics: topics)
        let limit = (object["max_channels"] ?? parts.defaults?["max_channels"])?.integer
        let idle = (object["channel_idle"] ?? parts.defaults?["channel_idle"])?.integer
        guard let cluster = cluster(object), let name, let topics, let chain, let channels, let templateBuffer, let policy,
            let limit, let idle, let position = object.position
        else { return nil }
        var secrets = object.secrets
        // Inherited ones included.
        for key in parts.secretDefaults where object[key] == nil { secrets.insert(key) }
        if channels.contains(where: { !$0.isPlain && channelReader.hasSecretBuffer($0.text) }) { secrets.insert("buffer") }
        // The transformer's own type would tell which one it is.
        if type == nil, chain.contains(where: \.settings.hasSecretName) { secrets.insert("type") }
        var settings = RouteSettings(
            name: name, isEnabled: isEnabled, cluster: cluster, topics: topics, steps: chain.map(\.settings),
            type: type ?? chain.lazy.reversed().compactMap(\.definition.defaultType).first ?? Self.fallbackType,
            channels: channels, maxChannels: Int(limit), channelIdle: .milliseconds(idle), templateBuffer: templateBuffer,
            onError: policy, tombstones: tombstones, tests: tests, position: position, secrets: secrets)
        settings.topicPositions = ((object["topic"]?.items ?? []) + (object["topics"]?.items ?? [])).map(\.source.position)
        settings.deadLetterPosition = object["dead_letter"]?.source.position
        return settings
    }

    /// Reports placeholders for what the chain never makes.
    private func judge(_ channels: [ChannelTemplate], of route: DecodedObject, behind chain: [TransformReader.Step]) {
        guard channels.contains(where: { !$0.fieldPaths.isEmpty }),
            let schema = OutputSchema.ofChain(chain.map(schemas.schema))
        else { return }
        let values = (route["channel"]?.items ?? []) + (route["channels"]?.items ?? [])
        // The words about it name the field, and fields of the output that it may be: either may come out of `${…}`.
        let hasSecretFields = chain.contains { !$0.settings.secretOptions.isEmpty }
        for (value, template) in zip(values, channels) {
            for path in template.fieldPaths {
                guard let (problem, hint) = checks.placeholder(schema, path) else { continue }
                guard !value.isSecret, !hasSecretFields else {
                    findings.add(
                        "a placeholder in channel \(value.shown) can never be filled in", at: value.source.position,
                        hint: "name a field that the transformers' output has and that is text, a number or a boolean")
                    continue
                }
                findings.add(
                    "`{\(DisplayText.plain(path.text))}` in channel \(value.shown) can never be filled in: \(problem)",
                    at: value.source.position,
                    hint: hint)
            }
        }
    }

    /// Reports steps and templates that no deletion could go through.
    private func tombstones(
        _ route: DecodedObject, _ defaults: DecodedObject?, _ channels: [ChannelTemplate]?, _ chain: [TransformReader.Step]?
    ) -> TombstonePolicy {
        let value = route["tombstones"] ?? defaults?["tombstones"]
        let policy = value?.string.flatMap(TombstonePolicy.init) ?? .ignore
        guard policy == .message else { return policy }
        for step in chain ?? [] {
            guard let problem = step.definition.tombstoneProblem(step.settings.options),
                findings.mayCompare(secret: value?.isSecret == true || step.settings.hasSecretName || !step.checked.secrets.isEmpty)
            else { continue }
            let subject = problem.option.map { "option \(DisplayText.quoted($0)) of `\(step.definition.name)`" }
            findings.add(
                "\(subject ?? "`\(step.definition.name)`"): \(problem.message)",
                at: problem.option.flatMap { step.checked[$0]?.source.position } ?? step.settings.position, hint: problem.hint)
        }
        guard let channels else { return policy }
        let names = (route["channel"]?.items ?? []) + (route["channels"]?.items ?? [])
        for (name, template) in zip(names, channels) {
            guard let path = template.fieldPaths.first, findings.mayCompare(secret: name.isSecret || value?.isSecret == true) else {
                continue
            }
            let field = name.isSecret ? "a field" : "`{\(DisplayText.plain(path.text))}`"
            findings.add(
                "channel \(name.shown) is made of \(field), and a deletion has no fields: with `tombstones: message` none could go there",
                at: name.source.position,
                hint: "use `{@key}` or `{@header.NAME}`, give that channel a route of its own, or set `tombstones: ignore`")
        }
        return policy
    }

    /// Reports what steps that remember don't go together with.
    private func judge(
        _ chain: [TransformReader.Step], of route: DecodedObject, _ policy: ErrorPolicy?, _ channels: [ChannelTemplate]?
    ) {
        guard let step = chain.first(where: { $0.settings.memory != .none }), let position = route.position else { return }
        let shown = step.settings.hasSecretName ? "a step" : "`\(step.definition.name)`"
        if policy == .stop, findings.mayCompare(secret: route.hides("on_error", "transform")) {
            findings.add(
                "\(shown) remembers earlier records, and a route with `on_error: stop` takes records back when it stops",
                at: route["on_error"]?.source.position ?? position, hint: "use `on_error: skip` or `on_error: dead_letter`")
        }
        guard let holding = chain.first(where: { $0.settings.memory == .records }), let channels else { return }
        let names = (route["channel"]?.items ?? []) + (route["channels"]?.items ?? [])
        for (name, template) in zip(names, channels) where template.parts.contains(where: { if case .header = $0 { true } else { false } })
        {
            guard findings.mayCompare(secret: name.isSecret || holding.settings.hasSecretName) else { continue }
            let shown = holding.settings.hasSecretName ? "a step" : "`\(holding.definition.name)`"
            findings.add(
                "channel \(name.shown) is made of a header, and \(shown) keeps records without their headers", at: name.source.position,
                hint: "use `{@key}` or a field of the output")
        }
    }

    private func drafts(_ route: DecodedObject) -> [TransformReader.Draft]? {
        guard let value = route["transform"], case .tree(let node) = value.content else { return nil }
        return transformReader.read(node, path: value.subject.path)
    }

    private func cluster(_ route: DecodedObject) -> String? {
        guard let value = route["cluster"], let name = value.string else { return nil }
        if clusters.contains(ByteString(name)) { return name }
        let near = value.isSecret ? nil : findings.nearest(to: name, among: clusters.map(\.string))
        findings.add(
            "there is no cluster \(value.shown)", at: value.source.position,
            hint: near.map { "did you mean \(DisplayText.quoted($0))?" }
                ?? "known clusters: \(DisplayText.list(clusters.sorted().prefix(20).map(\.string))); add it under `kafka.clusters`")
        return nil
    }
}

/// The names of all routes, each of which may occur once, enabled or not.
struct RouteNames {
    private var places: [ByteString: SourcePosition] = [:]

    /// The route's name, given or made of its topics; `nil` when it is wrong or taken, and then that was reported.
    mutating func claim(_ route: DecodedObject, topics: [TopicSelector]?, findings: Findings) -> String? {
        if let given = route["name"] {
            guard let name = findings.checked(given, NameRules.plainName) else { return nil }
            return claim(name, given, findings, hint: "give each route a name of its own")
        }
        guard !route.failed.contains("name"), let topics, let value = route["topic"] ?? route["topics"] else { return nil }
        let name = topics.map(\.text).joined(separator: ", ")
        // A lone topic is a name whatever its length.
        guard topics.count == 1 || name.unicodeScalars.count <= NameRules.longestName else {
            findings.add(
                "the route needs a `name`: its topics together are longer than \(NameRules.longestName) characters",
                at: route.position, hint: "add `name: …`")
            return nil
        }
        return claim(
            name, value, findings,
            hint: "a route is named after its topic unless it has a `name`; give one of them a `name`")
    }

    private mutating func claim(_ name: String, _ value: DecodedValue, _ findings: Findings, hint: String) -> String? {
        guard let place = value.source.position else { return nil }
        if let first = places[ByteString(name)] {
            let shown = value.isSecret ? "from `${…}`" : DisplayText.quoted(name)
            let earlier = first.file.hasSameBytes(as: place.file) ? "line \(first.line)" : "\(DisplayText.plain(first.file)):\(first.line)"
            findings.add("route \(shown) is defined twice: first at \(earlier)", at: place, hint: hint)
            return nil
        }
        places[ByteString(name)] = place
        return name
    }
}

/// What transformers make, worked out once for all routes with the same options: a thousand routes of one kind would have the
/// same schema written a thousand times, which took as long as reading them.
///
/// Thread: the one that reads the file.
final class OutputSchemas {
    /// Remembered for each transformer; what has ever new options is worked out each time.
    private static let most = 8

    private var known: [ByteString: [(options: OptionValues, schema: OutputSchema)]] = [:]

    func schema(_ step: TransformReader.Step) -> OutputSchema {
        let (name, options) = (ByteString(step.definition.name), step.settings.options)
        if let found = known[name]?.first(where: { $0.options == options }) { return found.schema }
        let schema = step.definition.outputSchema(options)
        if known[name]?.count ?? 0 < Self.most { known[name, default: []].append((options, schema)) }
        return schema
    }
}
