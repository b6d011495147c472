import ArgumentParser
import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayRuntime

/// `patchbay dead-letter list`: the newest refused records.
struct DeadLetterListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the newest refused records of the dead-letter topics that the routes file names.",
        discussion: """
            Each letter is named topic/partition/offset, for `show` and `replay`. The newest come last.

            Example: patchbay dead-letter list --route trades --code missing_field --since 2h

            Exit codes: 0 also when there are none; 69 the brokers can't be reached, or refuse; 74 standard output can't be \
            written; 78 the routes file has errors, or no such topic.
            """)

    @OptionGroup var topics: DeadLetterTopicOptions
    @OptionGroup var filter: DeadLetterFilterOptions

    @Option(help: "Letters to list at most, of each topic.")
    var limit = 20

    @OptionGroup var format: FormatOption

    /// Bytes of each value in JSON; the text shows less.
    private static let preview = 512

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be between 1 and 10000") }
    }

    func run() throws {
        let box = try DeadLetterBox(topics, environment: ProcessInfo.processInfo.environment)
        let filter = try filter.filter()
        var reports: [DeadLetterReport] = []
        var text = ""
        for topic in box.topics {
            guard let found = try box.reading(topic, { try $0.newest(limit, of: filter) }) else { continue }
            let letters = found.letters.map {
                DeadLetterReport($0, found.marks[$0.position], of: topic, masks: box.masks, preview: Self.preview)
            }
            text += letters.map(\.lines).joined()
            let count = Counted.text(letters.count, "letter")
            text += found.hasMore ? "the newest \(count) of \(topic.shownName); --limit lists more\n" : "\(count) in \(topic.shownName)\n"
            reports += letters
        }
        try format.print(text: text, json: reports)
    }
}

/// `patchbay dead-letter show`: one refused record, whole.
struct DeadLetterShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one refused record: where from, why, key, headers and value.",
        discussion: """
            Values are shown up to 16 KiB, all of them with --full.

            Example: patchbay dead-letter show patchbay.dead-letter/0/17

            Exit codes: 0 shown; 1 there is no such letter; 69 the brokers can't be reached, or refuse; 74 standard output \
            can't be written; 78 the routes file has errors, or no such topic.
            """)

    @Argument(help: ArgumentHelp("Which: topic/partition/offset, or partition/offset where there is one topic.", valueName: "letter"))
    var letter: String

    @OptionGroup var topics: DeadLetterTopicOptions

    @Flag(help: "Show the whole value.")
    var full = false

    @OptionGroup var format: FormatOption

    private static let preview = 16 << 10

    func run() throws {
        let box = try DeadLetterBox(topics, environment: ProcessInfo.processInfo.environment)
        let (topic, position) = try box.place(letter)
        guard let found = try box.reading(topic, { try $0.letter(at: position) }) ?? nil else {
            throw Exit.because(
                "there is no letter \(DeadLetterReport.name(position, of: topic)): the brokers have deleted it, or it is no refused record",
                ExitCode(1))
        }
        let report = DeadLetterReport(found.letter, found.mark, of: topic, masks: box.masks, preview: full ? nil : Self.preview)
        try format.print(text: report.text, json: report)
    }
}
