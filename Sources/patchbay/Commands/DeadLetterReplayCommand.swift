import ArgumentParser
import Dispatch
import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka
import PatchbayRuntime

/// `patchbay dead-letter replay`: produces refused records again, each once.
struct DeadLetterReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Produce refused records again, to the topics that they came from or to another one.",
        discussion: """
            Key, value, headers and timestamp are those of the refused record; headers that begin with patchbay.replay. say which \
            letter it was. What was replayed is marked in the dead-letter topic, in the same transaction, so that no other run replays \
            it; --again does. Without letters, all that pass the filters are replayed. Ctrl-C stops between two transactions; the same \
            command then goes on with the rest.

            Example: patchbay dead-letter replay --route trades --since 2h --rate 100 --dry-run

            Exit codes: 0 all are replayed, or there are none; 1 some are not, or the answer was no; 69 the brokers can't be \
            reached, or refuse; 74 standard output can't be written; 78 the routes file has errors, or no such topic.
            """)

    @Argument(help: ArgumentHelp("Only these: topic/partition/offset, or partition/offset where there is one topic.", valueName: "letter"))
    var letters: [String] = []

    @OptionGroup var topics: DeadLetterTopicOptions
    @OptionGroup var filter: DeadLetterFilterOptions

    @Option(help: "Letters to replay at most, of each topic; the oldest first.")
    var limit: Int?

    @Option(help: ArgumentHelp("The topic to produce to, in place of those that the records came from.", valueName: "topic"))
    var to: String?

    @Option(help: "Letters a second at most.")
    var rate: Int?

    @Flag(help: "Replay letters that were replayed before, too.")
    var again = false

    @Flag(help: "Only say what would be replayed.")
    var dryRun = false

    @Flag(help: "Don't ask before producing.")
    var yes = false

    @OptionGroup var format: FormatOption

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
        if let rate, !(1...1_000_000).contains(rate) { throw ValidationError("--rate must be between 1 and 1000000 letters a second") }
        if !letters.isEmpty, !filter.isEmpty || limit != nil { throw ValidationError("name letters or give filters, not both") }
        if dryRun, yes { throw ValidationError("--dry-run produces nothing, so it takes no --yes") }
        if !dryRun, !yes, isatty(STDIN_FILENO) != 1 {
            throw ValidationError("nobody can be asked here: give --yes to replay, or --dry-run to see what would be replayed")
        }
    }

    func run() throws {
        let box = try DeadLetterBox(topics, environment: ProcessInfo.processInfo.environment)
        let stop = DeadLetterReplay.Stop()
        var request = ReplayPlan.Request()
        request.filter = try filter.filter()
        (request.limit, request.target, request.again) = (limit, to, again)
        let places = try letters.map(box.place)
        var report = ReplayReport(isDryRun: dryRun)
        for topic in box.topics {
            request.positions = places.filter { $0.topic.isSame(as: topic) }.map(\.position)
            if !places.isEmpty, request.positions.isEmpty { continue }
            _ = try box.reading(topic) { reader in
                let plan = try plan(request, of: topic, reader, box)
                guard !dryRun, !plan.items.isEmpty, !stop.isSet else { return report.add(plan, nil, of: topic, masks: box.masks) }
                try confirm(plan, of: topic, box.masks)
                let outcome = try replay(plan, of: topic, reader, box, stop)
                report.add(plan, outcome, of: topic, masks: box.masks)
            }
        }
        try format.print(text: report.text, json: report)
        if !report.isComplete { throw ExitCode(1) }
    }

    private func plan(
        _ request: ReplayPlan.Request, of topic: DeadLetterTopic, _ reader: DeadLetterReader, _ box: DeadLetterBox
    ) throws -> ReplayPlan {
        let existing = try ClusterMetadata.topics(
            brokers: topic.settings.brokers, properties: topic.settings.properties.map { ($0.name, $0.value) }, timeout: box.patience,
            logger: PatchbayLogs.quiet)
        let partitions = Dictionary(existing.filter { $0.problem == nil }.map { ($0.name, $0.partitionCount) }) { $1 }
        do {
            return try ReplayPlan(request, of: topic, reader, partitions: partitions, masks: box.masks)
        } catch let problem as ReplayPlan.Problem {
            throw Exit.because("can't replay \(topic.shownName): \(problem.reason)", Exit.unavailable)
        }
    }

    /// - Throws: exit code 1 when the answer is no.
    private func confirm(_ plan: ReplayPlan, of topic: DeadLetterTopic, _ masks: MaskedNames) throws {
        if yes { return }
        let targets = plan.counts.map { "\(Counted.grouped($0.letters)) to \(masks.shown($0.target))" }.joined(separator: ", ")
        Output.error("replay \(Counted.text(plan.items.count, "letter")) of \(topic.shownName), \(targets)? [y/N] ")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw Exit.because("nothing was replayed", ExitCode(1))
        }
    }

    private func replay(
        _ plan: ReplayPlan, of topic: DeadLetterTopic, _ reader: DeadLetterReader, _ box: DeadLetterBox, _ stop: DeadLetterReplay.Stop
    ) throws -> DeadLetterReplay.Outcome {
        // In the middle of a transaction the brokers would hold up readers until it times out.
        let interrupts = [SIGINT, SIGTERM].map { Interrupt($0) { stop.set() } }
        defer { for interrupt in interrupts { interrupt.end() } }
        do {
            let replay = try DeadLetterReplay(
                topic, reader: reader, rate: rate, patience: box.patience, stop: stop, logger: PatchbayLogs.quiet)
            var told = ContinuousClock.now
            return try replay.run(plan) { done in
                guard .now - told >= .seconds(10) else { return }
                told = .now
                Output.error("replayed \(Counted.grouped(done)) of \(Counted.text(plan.items.count, "letter"))\n")
            }
        } catch let failure as DeadLetterReplay.Failure {
            throw Exit.because(
                "can't replay \(topic.shownName): \(box.masks.masked(failure.reason)); the same command goes on with what is left",
                Exit.unavailable)
        }
    }
}

/// A signal that ends what is under way in order, and only while that lasts.
private struct Interrupt {
    private let number: Int32
    private let source: any DispatchSourceSignal

    init(_ number: Int32, _ body: @escaping @Sendable () -> Void) {
        self.number = number
        signal(number, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler(handler: body)
        source.activate()
    }

    func end() {
        source.cancel()
        signal(number, SIG_DFL)
    }
}
