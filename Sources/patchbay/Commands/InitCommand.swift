import ArgumentParser
import Foundation
import Logging
import PatchbayRuntime

/// `patchbay init`: a routes.yaml to start from.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a commented routes.yaml to start from; with --from-topic, one that fits a topic's records.",
        discussion: """
            With --from-topic the last records of the topic decide which transformer fits, suggest a channel per value of a \
            field and a filter, and become the route's first test. Look at that test before you share the file: it holds a \
            real record. The brokers it read from are not written down: the file takes them from KAFKA_BROKERS.

            Exit codes: 0 written; 69 the brokers can't be reached or the topic doesn't exist; 73 the file already exists \
            (or can't be written); 74 standard output can't be written; 78 KAFKA_BROKERS is wrong.
            """)

    /// A file can't be created (sysexits.h).
    private static let cantCreate = ExitCode(73)

    @Option(name: [.short, .long], help: "The file to write, - for standard output.")
    var output = "routes.yaml"

    @Option(name: .customLong("from-topic"), help: "A topic to read samples from, repeatable.")
    var topics: [String] = []

    @Option(help: "host:port, separated by commas. Default: KAFKA_BROKERS, or localhost:9092.")
    var brokers: String?

    @Option(help: "librdkafka property for reading the topics, repeatable.")
    var property: [String] = []

    @Option(help: "Number of records to read from each topic.")
    var records = 20

    @Option(help: "Seconds to wait for the brokers.")
    var timeout = 10

    @Flag(help: "Overwrite the file if it is there.")
    var force = false

    func validate() throws {
        guard (1...1000).contains(records) else { throw ValidationError("--records must be between 1 and 1000") }
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
        try property.checkPairs()
        try BrokerList.check(brokers)
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let logger = try Logs.start(environment: ["LOG_LEVEL": environment["LOG_LEVEL"] ?? "error"])
        if output != "-", !force, FileManager.default.fileExists(atPath: output) {
            throw Exit.because("\(output) already exists; use --force to overwrite it or --output for another name", Self.cantCreate)
        }
        // Without a topic no broker is asked.
        let list = topics.isEmpty ? [] : try BrokerList.of(brokers, environment: environment)
        let sampled = try samples(from: list, logger)
        let folder = output == "-" ? URL(fileURLWithPath: ".") : URL(fileURLWithPath: output).deletingLastPathComponent()
        let schema = folder.appendingPathComponent("routes.schema.json").path
        let text = try Scaffold.text(
            topics: sampled, transformers: BuiltinTransformers.registered(),
            hasSchema: FileManager.default.fileExists(atPath: schema), file: output == "-" ? "routes.yaml" : output)
        guard output != "-" else {
            try Output.standard(text)
            return
        }
        do {
            try text.write(toFile: output, atomically: true, encoding: .utf8)
        } catch {
            throw Exit.because("can't write \(output): \(ErrorSentence.of(error))", Self.cantCreate)
        }
        Output.error("\(output) is written; next: patchbay check \(Scaffold.argument(output))\n")
        if !topics.isEmpty, environment["KAFKA_BROKERS"] ?? "" == "", list != [BrokerList.fallback] {
            Output.error("its brokers come from the environment: export KAFKA_BROKERS=\(list.joined(separator: ","))\n")
        }
    }

    private func samples(from brokers: [String], _ logger: Logger) throws -> [Scaffold.Topic] {
        do throws(TopicSamples.Failure) {
            return try TopicSamples.read(
                topics, brokers: brokers, properties: property.map(NameAndValue.of), last: records,
                timeout: .seconds(timeout), logger: logger)
        } catch {
            throw Exit.because("can't read topic \(error.topic): \(error.reason)", Exit.unavailable)
        }
    }
}
