import PatchbayAPI
import PatchbaySettings

/// The trees of the main file and of those it includes, as a configuration.
struct ConfigurationReader {
    let file: String
    let decoder: FieldDecoder
    let transformers: TransformerSet
    let files: LoadedFiles
    let limits: YAMLLimits
    let checks: ConfigurationChecks
    let collectsOrigins: Bool
    let findings: Findings

    /// `nil` when something is wrong; it was reported.
    mutating func read(_ node: YAMLNode) -> (RouterConfiguration, [ResolvedSetting])? {
        let root = decoder.object(node, fields: ConfigFields.root, subject: nil)
        let includes = IncludeReader(
            main: file, routes: node.routeCount, decoder: decoder, files: files, limits: limits, findings: findings)
        let objects = [root] + includes.read(root)

        let reading = SectionReading(checks: checks, findings: findings)
        func settings<Settings>(_ section: Section<Settings>) -> Settings? {
            root[section.name]?.object.flatMap { section.read($0, reading) }
        }
        let server = settings(ServerSettings.section)
        let admin = settings(AdminSettings.section)
        let reload = settings(ReloadSettings.section)
        let limits = settings(LimitSettings.section)
        let alerts = settings(AlertSettings.section)
        let clusters = root[KafkaSettings.section.name]?.object.flatMap { KafkaSettings.read($0, reading) }

        let plugins = PluginReader(main: file, files: files, checks: checks, findings: findings).read(root, addingTo: transformers)
        let routeReader = RouteReader(
            transformReader: TransformReader(
                transformers: plugins.transformers, isComplete: plugins.isComplete, decoder: decoder, findings: findings),
            decoder: decoder, findings: findings, checks: checks, clusters: clusterNames(node))
        let routing = routeReader.read(objects)
        // What an include failed to bring in may have had routes.
        if root.keys["include"] == nil || !findings.hasErrors {
            requireRoute(routing.routes, of: includes.routeCount, objects, at: node.position)
        }

        guard !findings.hasErrors, let server, let limits, let admin, let reload, let alerts, let clusters else { return nil }
        var collector = SettingCollector(decoder: decoder, chains: routing.chains, root: root)
        if collectsOrigins { for (index, object) in objects.enumerated() { collector.collect(object, isIncluded: index > 0) } }
        return (
            RouterConfiguration(
                server: server, limits: limits, admin: admin, reload: reload, alerts: alerts, plugins: plugins.settings,
                transformers: plugins.transformers, clusters: clusters, channels: routing.channels, routes: routing.routes),
            collector.settings
        )
    }

    /// The names as they are written, so that one with a mistake in it isn't said to be missing as well.
    private func clusterNames(_ root: YAMLNode) -> Set<ByteString> {
        let kafka = root.entries?.first { $0.key.scalar?.text == "kafka" }?.value
        let clusters = kafka?.entries?.first { $0.key.scalar?.text == "clusters" }?.value
        let names = clusters?.entries?.compactMap { $0.key.scalar?.text } ?? []
        return Set(names.map { ByteString($0) }).union([ByteString(KafkaSettings.defaultName)])
    }

    /// - Parameter count: entries of `routes` in all files, wrong ones included.
    private func requireRoute(
        _ routes: [RouteSettings], of count: Int, _ objects: [DecodedObject], at start: SourcePosition
    ) {
        let isReadable = objects.allSatisfy { !$0.failed.contains("routes") }
        guard count == routes.count, isReadable, !routes.contains(where: \.isEnabled) else { return }
        let hint = ConfigFields.root.first { $0.name == "routes" }.flatMap { Subject($0, in: nil).exampleLine }
        if let first = routes.first {
            let what = routes.count == 1 ? "the only route is disabled" : "all \(routes.count) routes are disabled"
            findings.add("\(what), so there is nothing to do", at: first.position, hint: "enable a route")
        } else if let place = objects.lazy.compactMap({ $0["routes"]?.source.position }).first {
            findings.add("`routes` must have at least one item", at: place, hint: hint)
        } else {
            findings.add("`routes` is missing", at: start, hint: hint)
        }
    }
}
