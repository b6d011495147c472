import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayReference

/// Writes a commented routes.yaml to start from, with routes that fit the records of live topics when there are some.
package enum Scaffold {
    /// A topic with some of its records.
    package struct Topic {
        var name: String
        var records: [SampledRecord]
    }

    /// - Parameters:
    ///   - hasSchema: whether `routes.schema.json` is beside the file that is written.
    ///   - file: its name, as commands are given it.
    package static func text(
        topics: [Topic], transformers: TransformerSet, hasSchema: Bool = false, file: String = "routes.yaml"
    ) -> String {
        var seen: Set<[UInt8]> = []
        var scaffolds = topics.filter { seen.insert(Array($0.name.utf8)).inserted }.map { RouteScaffold($0, transformers) }
        // Without a route it would be no file to start from.
        if !scaffolds.contains(where: \.isRoute) { scaffolds.append(RouteScaffold(Topic(name: "my-topic", records: []), transformers)) }
        var text = hasSchema ? "# yaml-language-server: $schema=./routes.schema.json\n" : ""
        text += """
            # What Patchbay routes: Kafka topics, through transformers, to channels that clients subscribe to.
            \(commands(file, hasTests: scaffolds.contains(where: \.hasTest)))
            # A running server applies changes of this file automatically.
            \(preamble)
            # channels:                             # only channels that need settings are listed
            #   dashboard:
            #     buffer: 500                       # messages a slow client may fall behind
            #     description: What clients find in it

            routes:

            """
        return text + scaffolds.map(\.text).joined()
    }

    /// Comments that say what can be done with the file.
    private static func commands(_ file: String, hasTests: Bool) -> String {
        let name = argument(file)
        let option = name == "routes.yaml" ? "" : " --config \(name)"
        let rows = [
            ("check \(name)", "finds every mistake"), ("explain\(option) --topic T …", "shows what happens to a record"),
            ("test \(name)", hasTests ? "runs the tests below" : "runs the `tests` of routes, once they have some"),
            ("schema --help", "says how to have an editor complete and check this file"),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "#   patchbay \($0)\(String(repeating: " ", count: width - $0.count + 3))\($1)" }.joined(separator: "\n")
    }

    /// A file's name as a shell takes it.
    package static func argument(_ file: String) -> String {
        let isPlain =
            !file.isEmpty
            && file.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F: true
                default: byte >= 0x80
                }
            }
        let text = DisplayText.comment(file)
        return isPlain ? text : "'\(text.replacing("'", with: "'\\''"))'"
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
    static func problem(withRoute text: String, _ transformers: TransformerSet) -> String? {
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
