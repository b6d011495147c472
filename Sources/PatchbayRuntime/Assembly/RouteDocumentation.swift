import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayDelivery
import PatchbayHTTP
import PatchbaySettings
import Synchronization

/// What `/docs` says of the configuration in force. Made once per configuration: examples come of running transformers.
///
/// Thread: any.
final class RouteDocumentation: Sendable {
    /// Of the listener that runs: a reload doesn't move it.
    private let adminPort: Int?
    private let state: Mutex<DocumentedRoutes>

    init(_ configuration: RouterConfiguration) {
        adminPort = configuration.admin.isEnabled ? configuration.admin.port : nil
        state = Mutex(Self.describe(configuration, adminPort: adminPort))
    }

    /// To be called whenever another configuration comes into force.
    func update(_ configuration: RouterConfiguration) {
        let described = Self.describe(configuration, adminPort: adminPort)
        state.withLock { $0 = described }
    }

    var current: DocumentedRoutes { state.withLock { $0 } }

    private static func describe(
        _ configuration: RouterConfiguration, adminPort: Int?
    ) -> DocumentedRoutes {
        let routes = configuration.routes.filter(\.isEnabled)
        var seen: Set<ByteString> = []
        let templates = routes.flatMap { route in
            route.channels.filter { !$0.isPlain && seen.insert(ByteString($0.text)).inserted }.map {
                DocumentedRoutes.Channel(name: $0.text, buffer: route.templateBuffer, isTemplate: true)
            }
        }
        return DocumentedRoutes(
            version: RouterService.version, adminPort: adminPort, messages: routes.map { message($0, configuration) },
            channels: configuration.channels.map {
                .init(name: $0.name, description: $0.description, buffer: $0.buffer)
            } + templates)
    }

    private static func message(
        _ route: RouteSettings, _ configuration: RouterConfiguration
    ) -> DocumentedRoutes.Message {
        let transformers = configuration.transformers
        let definitions = route.steps.map { transformers[$0.transformer] }
        let schemas = zip(definitions, route.steps).map { $0?.outputSchema($1.options) ?? .any }
        let example = example(
            of: route, maxRecord: configuration.maxRecord(ofCluster: route.cluster),
            definitions: definitions.compactMap { $0 } + transformers.definitions)
        return DocumentedRoutes.Message(
            type: route.type, route: route.name, transformers: route.steps.map(\.transformer),
            channels: route.channels.map(\.text), schema: OutputSchema.ofChain(schemas), example: example?.data,
            exampleChannel: example?.channel, deletes: route.tombstones == .message)
    }

    /// What the route's own chain makes of the first input that gets through: one of the route's tests, or of the
    /// transformers' examples.
    ///
    /// - Parameter definitions: the route's own first; others too, since a filter lets through what a record of the right kind has.
    private static func example(
        of route: RouteSettings, maxRecord: Int, definitions: [TransformerDefinition]
    ) -> (data: String, channel: String?)? {
        let topic = route.topics.lazy.compactMap(\.plainName).first ?? route.name
        let tests = route.tests.map { ($0.input, $0.key, $0.topic) }
        let examples = definitions.flatMap(\.examples).map { (Optional($0.input), String?.none, topic) }
        let trial = RouteTrial(route: TableBuilder.route(route), maxRecord: maxRecord)
        for (input, key, topic) in tests + examples {
            guard let input else { continue }
            let result = trial.run(SampledRecord(key: key.map { Array($0.utf8) }, value: Array(input.utf8)), topic: topic)
            if let envelope = result.envelopes.first, envelope.deletedKey == nil {
                return (String(decoding: envelope.data, as: UTF8.self), envelope.channel)
            }
        }
        return nil
    }
}
