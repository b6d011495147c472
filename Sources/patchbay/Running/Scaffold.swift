import PatchbayAPI
import PatchbayConfig
import PatchbayCore

/// Writes a commented routes.yaml to start from, with routes that fit the records of live topics when there are some.
enum Scaffold {
    /// A topic with some of its records.
    struct Topic {
        var name: String
        var records: [SampledRecord]
    }

    /// - Parameter hasSchema: whether `routes.schema.json` is beside the file that is written.
    static func text(topics: [Topic], transformers: [TransformerDefinition], hasSchema: Bool = false) -> String {
        var text = hasSchema ? "# yaml-language-server: $schema=./routes.schema.json\n" : ""
        text += """
            # What Patchbay routes: Kafka topics, through transformers, to channels that clients subscribe to.
            #   patchbay check routes.yaml     finds every mistake
            #   patchbay explain --topic T …   shows what becomes of a record
            #   patchbay test                  runs the tests below
            #   patchbay schema --help         says how an editor completes and checks this file
            # A running server takes changes of this file up by itself.
            \(preamble)
            # channels:                             # only channels that need settings are listed
            #   dashboard:
            #     buffer: 500                       # messages a slow client may fall behind
            #     description: What clients find in it

            routes:

            """
        var seen: Set<[UInt8]> = []
        let scaffolds = topics.filter { seen.insert(Array($0.name.utf8)).inserted }.map { RouteScaffold($0, transformers) }
        text += scaffolds.map(\.text).joined()
        // Without a route it would be no file to start from.
        if !scaffolds.contains(where: \.isRoute) {
            text += RouteScaffold(Topic(name: "my-topic", records: []), transformers).text
        }
        return text
    }

    /// What comes before the routes and is no comment.
    private static let preamble = """
        version: 1

        kafka:
          brokers: ${KAFKA_BROKERS:-localhost:9092}   # the environment wins over the file
          group: backend-service                # remembers how far each partition was read

        """

    /// Why a route doesn't belong into a file: the first mistake that `check` finds in it, or what `test` says of its
    /// tests; `nil` when all is well.
    static func problem(withRoute text: String, _ transformers: [TransformerDefinition]) -> String? {
        let loaded = ConfigurationLoader.load(
            text: preamble + "routes:\n" + text, file: "routes.yaml", environment: [:], transformers: transformers)
        if let finding = loaded.diagnostics.first { return finding.message }
        guard let configuration = loaded.configuration else { return "it can't be read" }
        return RouteTestReport(file: "routes.yaml", configuration).outcomes.lazy.flatMap(\.differences).first
    }

    /// As YAML takes it whatever is in it; `$` is doubled, since `${…}` would be replaced.
    static func quoted(_ text: String) -> String {
        YAMLText.scalar(String(String.UnicodeScalarView(text.unicodeScalars.flatMap { $0 == "$" ? ["$", "$"] : [$0] })))
    }
}
