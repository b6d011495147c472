import ArgumentParser
import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayRuntime

/// `patchbay explain`: what becomes of one record, and why.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show what the routes do with one record: which take it, every step, the messages, or why it is dropped.",
        discussion: """
            Without a record it says which routes take the topic. Makes no network connections. Routes that name the topic but \
            are disabled, or read another cluster, are listed, too; those that have nothing to do with it only with --all.

            Example: patchbay explain --topic trade-info --key 0x1 '{"Token":"0x1"}'

            Exit codes: 0 the record becomes messages, or is left out on purpose; 1 no route takes it, or it is refused; \
            74 standard output can't be written; 78 the routes file has errors.
            """)

    @OptionGroup var file: ConfigurationOption

    @Option(help: "The topic the record is from.")
    var topic: String

    @Option(help: "The cluster the topic is on.")
    var cluster = KafkaSettings.defaultName

    @Option(help: "The record's key.")
    var key: String?

    @Option(name: .customLong("header"), help: ArgumentHelp("A header of the record, repeatable.", valueName: "name=value"))
    var headers: [String] = []

    @Option(help: "The record's partition.")
    var partition: Int32 = 0

    @Flag(help: "The record is a tombstone: it has no value.")
    var tombstone = false

    @Flag(help: "List every route, those that don't name the topic included.")
    var all = false

    @Argument(help: ArgumentHelp("The record's value, or - for standard input.", valueName: "record"))
    var record: String?

    @OptionGroup var format: FormatOption

    func validate() throws {
        try headers.checkPairs()
        if tombstone, record != nil { throw ValidationError("--tombstone takes no record") }
        if partition < 0 { throw ValidationError("--partition must not be negative") }
    }

    func run() throws {
        let configuration = try ConfigurationFile.load(
            file.config, environment: ProcessInfo.processInfo.environment)
        guard configuration.clusters.contains(where: { $0.name.hasSameBytes(as: cluster) }) else {
            let names = configuration.clusters.map(\.name).joined(separator: ", ")
            throw Exit.because("there is no cluster \(cluster); clusters are: \(names)", Exit.configuration)
        }
        let explanation = Explanation(configuration, cluster: cluster, topic: topic, record: try sample(), all: all)
        try format.print(text: explanation.text, json: explanation)
        if !explanation.isFine { throw ExitCode(1) }
    }

    /// `nil` without a record.
    private func sample() throws -> SampledRecord? {
        guard record != nil || tombstone else { return nil }
        var value = record.map { Array($0.utf8) }
        if record == "-" {
            StandardInput.tellTerminal("reading the record from standard input; end with Ctrl-D")
            value = [UInt8](FileHandle.standardInput.readDataToEndOfFile())
        }
        return SampledRecord(
            partition: partition, key: key.map { Array($0.utf8) }, value: value,
            headers: headers.map { pair in
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                return .init(name: parts[0], value: Array((parts.count > 1 ? parts[1] : "").utf8))
            })
    }
}
