import ArgumentParser
import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka
import PatchbayRuntime

/// `patchbay dead-letter`: commands about refused records.
struct DeadLetterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letter", abstract: "Look at refused records in dead-letter topics, and produce them again.",
        discussion: """
            Refused records of routes with `on_error: dead_letter` are in the topics that the routes file names. They are read \
            without a consumer group; nothing is committed.
            """,
        subcommands: [DeadLetterListCommand.self, DeadLetterShowCommand.self, DeadLetterReplayCommand.self])
}

/// Which dead-letter topics a command reads.
struct DeadLetterTopicOptions: ParsableArguments {
    @OptionGroup var file: ConfigurationOption

    @Option(name: .customLong("topic"), help: "Only this dead-letter topic of the file, repeatable.")
    var topics: [String] = []

    @Option(help: "Only topics on this cluster.")
    var cluster: String?

    @Option(help: "Seconds to wait for the brokers.")
    var timeout = 10

    func validate() throws {
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
    }
}

/// Which letters a command takes.
struct DeadLetterFilterOptions: ParsableArguments {
    @Option(name: .customLong("route"), help: "Only letters of this route, repeatable.")
    var routes: [String] = []

    @Option(name: .customLong("code"), help: ArgumentHelp("Only letters refused with this code, repeatable.", valueName: "code"))
    var codes: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only letters from this time on: an age such as 30m or 2h, or a time such as 2026-01-31T12:00:00Z.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only letters before this time.", valueName: "time"))
    var until: String?

    var isEmpty: Bool { routes.isEmpty && codes.isEmpty && since == nil && until == nil }

    func validate() throws { _ = try filter() }

    func filter() throws -> DeadLetterFilter {
        let filter = DeadLetterFilter(
            routes: routes, codes: codes, since: try since.map { try Self.time($0, "--since") },
            until: try until.map { try Self.time($0, "--until") })
        if let since = filter.since, let until = filter.until, since >= until {
            throw ValidationError("--since must be earlier than --until")
        }
        return filter
    }

    private static func time(_ text: String, _ option: String) throws -> Int64 {
        guard let time = PointInTime.milliseconds(text, now: .now) else {
            throw ValidationError(
                "\(option): `\(DisplayText.plain(text))` is neither an age such as 30m or 2h nor a time such as 2026-01-31T12:00:00Z")
        }
        return time
    }
}

/// The dead-letter topics that a command reads, with what reads them.
struct DeadLetterBox {
    let topics: [DeadLetterTopic]
    let masks: MaskedNames
    let patience: Duration

    /// - Throws: exit code 78, after saying so, when the file has mistakes or no such topic.
    init(_ options: DeadLetterTopicOptions, environment: [String: String]) throws {
        let configuration = try ConfigurationFile.load(options.file.config, environment: environment)
        masks = MaskedNames(configuration)
        patience = .seconds(options.timeout)
        let all = DeadLetterTopic.all(of: configuration)
        guard !all.isEmpty else {
            throw Exit.because(
                "no route of \(options.file.config) has on_error: dead_letter, so there are no dead letters", Exit.configuration)
        }
        for topic in options.topics where !all.contains(where: { $0.name.hasSameBytes(as: topic) }) {
            throw Exit.because(
                "no route has the dead-letter topic `\(DisplayText.plain(topic))`; there are: \(Self.list(all))", Exit.configuration)
        }
        if let cluster = options.cluster, !configuration.clusters.contains(where: { $0.name.hasSameBytes(as: cluster) }) {
            let names = configuration.clusters.map(\.name).joined(separator: ", ")
            throw Exit.because("there is no cluster \(DisplayText.plain(cluster)); clusters are: \(names)", Exit.configuration)
        }
        topics = all.filter { topic in
            (options.topics.isEmpty || options.topics.contains { $0.hasSameBytes(as: topic.name) })
                && options.cluster.map { $0.hasSameBytes(as: topic.settings.name) } ?? true
        }
        if topics.isEmpty { throw Exit.because("no route has such a dead-letter topic; there are: \(Self.list(all))", Exit.configuration) }
    }

    private static func list(_ topics: [DeadLetterTopic]) -> String {
        topics.map { "\($0.shownName)\($0.settings.name == KafkaSettings.defaultName ? "" : " on \($0.settings.name)")" }.joined(
            separator: ", ")
    }

    /// What a command line calls a letter: `topic/partition/offset`, or `partition/offset` where there is one topic.
    func place(_ text: String) throws -> (topic: DeadLetterTopic, position: DeadLetter.Position) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let partition = Int32(parts[parts.count - 2]), partition >= 0,
            let offset = Int64(parts[parts.count - 1]), offset >= 0
        else {
            throw Exit.because(
                "`\(DisplayText.plain(text))` is no letter; they are called topic/partition/offset, as `patchbay dead-letter list` shows them",
                .validationFailure)
        }
        let name = parts.count == 3 ? String(parts[0]) : nil
        let found = topics.filter { topic in name.map { $0.hasSameBytes(as: topic.name) || $0.hasSameBytes(as: topic.shownName) } ?? true }
        guard let topic = found.first, found.count == 1 else {
            let reason =
                found.isEmpty
                ? "no route has this dead-letter topic" : "several topics have such a letter; say which with --topic or --cluster"
            throw Exit.because("letter `\(DisplayText.plain(text))`: \(reason); there are: \(Self.list(topics))", Exit.configuration)
        }
        return (topic, DeadLetter.Position(partition: partition, recordOffset: offset))
    }

    /// Runs `body` with a reader of the topic.
    ///
    /// - Returns: `nil` when the topic doesn't exist, after saying so: nothing was refused yet then.
    /// - Throws: exit code 69, after saying why, when the brokers don't let it be read.
    func reading<Result>(_ topic: DeadLetterTopic, _ body: (DeadLetterReader) throws -> Result) throws -> Result? {
        do {
            let reader = try DeadLetterReader(topic, patience: patience, logger: PatchbayLogs.quiet)
            defer { reader.close() }
            return try body(reader)
        } catch let error as KafkaError {
            guard error.kind == .unknownTopic else {
                throw Exit.because("can't read topic \(topic.shownName): \(masks.masked(error.message))", Exit.unavailable)
            }
            Output.error("patchbay: topic \(topic.shownName) doesn't exist, so it holds no letters\n")
            return nil
        }
    }
}
