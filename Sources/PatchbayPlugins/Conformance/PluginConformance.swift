internal import CPatchbayPlugin
import PatchbayAPI
import PatchbayJSON
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Whether a plugin keeps to the contract, tried out: with its own examples, and with what no well-meaning producer sends.
///
/// A plugin that reads or writes where it must not ends the process, so this belongs into one of its own.
package struct PluginConformance {
    /// What came of one check.
    package enum Outcome: Sendable, Equatable {
        case passed
        case failed(String)
        case skipped(String)
    }

    /// What happens, as it happens.
    package enum Event: Sendable, Equatable {
        case begins(String)
        case ended(String, Outcome)
        /// Of the record of the first example, in batches of 100.
        case cost(transformer: String, nanosecondsPerRecord: Int)
    }

    private let bytes: [UInt8]
    private let name: String
    private let options: [UInt8]?
    private let measures: Bool
    private let report: (Event) -> Void

    /// - Parameters:
    ///   - bytes: of the plugin's file.
    ///   - options: a JSON object in place of those of the examples; durations as milliseconds, sizes as bytes.
    ///   - measures: whether the cost of a record is measured, too.
    package init(_ bytes: [UInt8], name: String, options: [UInt8]?, measures: Bool = true, report: @escaping (Event) -> Void) {
        self.bytes = bytes
        self.name = name
        self.options = options
        self.measures = measures
        self.report = report
    }

    package func run() {
        var program: PluginLoader.Program?
        check("it is loaded, and describes itself") {
            do throws(PluginFailure) {
                program = try PluginLoader.program(bytes, name: name)
                return .passed
            } catch {
                return .failed("it \(error.problem)" + (error.hint.map { " (\($0))" } ?? ""))
            }
        }
        guard let program else { return }
        let given: GivenOptions?
        switch options.map(Self.read) {
        case nil: given = nil
        case .success(let values)?: given = GivenOptions(values: values, transformers: program.description.transformers)
        case .failure(let reason)?: return check("--options is a JSON object") { .failed(reason.text) }
        }
        for number in program.description.transformers.indices { run(program, number, given) }
    }

    private func check(_ title: String, _ body: () -> Outcome) {
        report(.begins(title))
        report(.ended(title, body()))
    }

    // MARK: One transformer

    private func run(_ program: PluginLoader.Program, _ number: Int, _ given: GivenOptions?) {
        let described = program.description.transformers[number]
        let subject = Subject(code: program.code, number: number, described: described, name: "`\(described.name)` of `\(name)`")
        check("\(described.name): its examples come out as it says") { examples(subject) }
        check("\(described.name): what are no options is refused with a reason, or taken") { badOptions(subject) }
        let options: [UInt8]
        switch Self.usableOptions(described, given?.values(for: described)) {
        case .success(let usable): options = PluginDefinitions.json(usable)
        case .failure(let reason):
            return check("\(described.name): everything that needs an instance") { .failed("not tried: \(reason.text)") }
        }
        func withInstance(_ title: String, _ body: (any PluginInstance, PluginVerdicts) -> Outcome) {
            check("\(described.name): \(title)") {
                let verdicts = PluginVerdicts(name: subject.name)
                guard let instance = subject.code.makeInstance(of: number, options: options, log: verdicts) else {
                    return .failed("it refuses these options: \(verdicts.lastLine ?? "it gives no reason")")
                }
                return body(instance, verdicts)
            }
        }
        withInstance("an empty batch") { judge($0, $1, []) }
        for value in HostileValues.all { withInstance(value.title) { judge($0, $1, [value.bytes, Array("{}".utf8)]) } }
        withInstance("all of them in one batch, and nothing is read when the call is over") { instance, verdicts in
            let values = HostileValues.all.map(\.bytes)
            let first = judge(instance, verdicts, values)
            return first == .passed ? judge(instance, verdicts, [Array("{}".utf8)]) : first
        }
        if described.wantsTombstones { withInstance("a record without a value") { judge($0, $1, [nil, Array("{}".utf8)]) } }
        withInstance("records of a newer host, which are larger") { instance, verdicts in
            largerRecords(instance, verdicts, subject, options)
        }
        if described.tick != nil { withInstance("time passes") { ticks($0, $1) } }
        check("\(described.name): instances on two threads at once") { twoThreads(subject, options) }
        if measures { measure(subject, options) }
    }

    private struct Subject: Sendable {
        let code: any PluginCode
        let number: Int
        let described: PluginDescription.Transformer
        let name: String
    }

    private struct Reason: Error {
        let text: String
    }

    /// What `--options` says.
    private struct GivenOptions {
        let values: [String: ConfigValue]
        /// Whether there is a transformer that they are for.
        private let fitsOne: Bool

        init(values: [String: ConfigValue], transformers: [PluginDescription.Transformer]) {
            self.values = values
            fitsOne = transformers.contains { (try? PluginConformance.checked(values, $0, of: "").get()) != nil }
        }

        /// Those for this transformer; `nil` when they are for another one of the plugin.
        func values(for described: PluginDescription.Transformer) -> [String: ConfigValue]? {
            guard fitsOne else { return values }
            return (try? PluginConformance.checked(values, described, of: "").get()) == nil ? nil : values
        }
    }

    /// What is wrong with options before any plugin is asked; `nil` when they are a JSON object.
    package static func problem(withOptions text: [UInt8]) -> String? {
        switch read(text) {
        case .success: nil
        case .failure(let reason): reason.text
        }
    }

    private static func read(_ text: [UInt8]) -> Result<[String: ConfigValue], Reason> {
        var parser = JSONParser(limits: DescriptionReader.limits)
        let result = text.withUnsafeBytes { text in
            parser.read(text) { root in
                Result { () throws(DescriptionProblem) in try DescribedValue.read(root, at: "it") }
            }
        }
        switch result {
        case .failure(let problem): return .failure(Reason(text: "it is no JSON: \(problem.explanation)"))
        case .success(.failure(let problem)): return .failure(Reason(text: "\(problem.place) \(problem.problem)"))
        case .success(.success(.map(let entries))):
            return .success(Dictionary(entries.map { ($0.key.string, $0.value) }) { first, _ in first })
        case .success(.success): return .failure(Reason(text: "it is JSON, but no object"))
        }
    }

    private static func usableOptions(
        _ described: PluginDescription.Transformer, _ given: [String: ConfigValue]?
    ) -> Result<OptionValues, Reason> {
        if let given { return checked(given, described, of: "--options") }
        if let example = described.examples.first { return options(example, described) }
        let missing = described.options.filter(\.isRequired).map { "`\($0.name)`" }
        guard missing.isEmpty else {
            return .failure(Reason(text: "it needs \(missing.joined(separator: ", ")): give --options '{…}', or describe an example"))
        }
        return .success(OptionValues(defaultsOf: described.options))
    }

    private static func options(
        _ example: TransformerExample, _ described: PluginDescription.Transformer
    ) -> Result<OptionValues, Reason> { checked(example.options, described, of: "example \"\(example.title)\"") }

    /// Options as the router checks them, with defaults.
    private static func checked(
        _ given: [String: ConfigValue], _ described: PluginDescription.Transformer, of place: String
    ) -> Result<OptionValues, Reason> {
        var values: [String: ConfigValue] = [:]
        for (name, value) in given.sorted(by: { $0.key < $1.key }) {
            guard let field = described.options.first(where: { $0.name.hasSameBytes(as: name) }) else {
                let names = described.options.map(\.name)
                let hint =
                    Suggestion.nearest(to: name, among: names).map { "did you mean `\($0)`?" }
                    ?? (names.isEmpty ? "none is" : names.map { "`\($0)`" }.joined(separator: ", ") + (names.count > 1 ? " are" : " is"))
                let shown = Array(name.utf8).withUnsafeBytes { PluginText.bounded($0, limit: 64) }
                return .failure(Reason(text: "\(place) has an option `\(shown)`, which isn't described; \(hint)"))
            }
            // A lone item is a list of one, as in the file.
            let alone: ConfigValue? = if case .list = field.kind { .list([value]) } else { nil }
            guard let fits = field.kind.taking(value) ?? alone.flatMap({ field.kind.taking($0) }) else {
                return .failure(
                    Reason(text: "\(place) has a value for `\(name)` that the description doesn't allow: it must be \(field.kind.phrase)"))
            }
            values[name] = fits
        }
        if let missing = described.options.first(where: { $0.isRequired && values[$0.name] == nil }) {
            return .failure(Reason(text: "\(place) lacks the option `\(missing.name)`"))
        }
        return .success(OptionValues(values, defaultsOf: described.options))
    }

    // MARK: Checks

    private func examples(_ subject: Subject) -> Outcome {
        guard !subject.described.examples.isEmpty else { return .skipped("it describes none") }
        for example in subject.described.examples {
            let options: OptionValues
            switch Self.options(example, subject.described) {
            case .success(let right): options = right
            case .failure(let reason): return .failed(reason.text)
            }
            let transformer = PluginTransformer(
                subject.code, name: subject.name, number: subject.number, options: PluginDefinitions.json(options), wantsHeaders: false,
                tickInterval: nil)
            let sink = OutcomeSink()
            guard let batch = CheckedBatch([Array(example.input.utf8)]) else { return .skipped("there is no memory") }
            batch.records.withUnsafeBufferPointer {
                transformer.transform(RecordBatch(topic: "a.topic", records: $0), into: EnvelopeWriter(sink))
            }
            if sink.outcomes.count != 1 || sink.outcomes.first?.outcome != example.outcome {
                let shown = sink.outcomes.map { $0.outcome.phrase + ($0.explanation.map { " (\($0))" } ?? "") }.joined(separator: ", ")
                return .failed(
                    "example \"\(example.title)\" should come out as \(example.outcome.phrase), and came out as "
                        + (shown.isEmpty ? "nothing" : shown))
            }
        }
        return .passed
    }

    private func badOptions(_ subject: Subject) -> Outcome {
        let texts =
            ["", "null", "[]", "{", "{\"", "{\"a\":", "1", "{}", "\u{0}"].map { Array($0.utf8) }
            + [[0xFF, 0xFE], Array(String(repeating: "[", count: 100_000).utf8)]
        for text in texts {
            let verdicts = PluginVerdicts(name: subject.name)
            let instance = subject.code.makeInstance(of: subject.number, options: text, log: verdicts)
            if instance == nil, verdicts.lastLine?.isEmpty ?? true {
                return .failed("it refuses options without saying why: call pb_log before returning NULL from patchbay_create")
            }
        }
        return .passed
    }

    /// Runs a batch in guarded memory, which nobody may read afterwards.
    private func judge(
        _ instance: any PluginInstance, _ verdicts: PluginVerdicts, _ values: [[UInt8]?], recordSize: Int = MemoryLayout<pb_record>.stride,
        into sink: OutcomeSink = OutcomeSink()
    ) -> Outcome {
        guard let batch = CheckedBatch(values, recordSize: recordSize) else { return .skipped("there is no memory") }
        var problem: String?
        batch.records.withUnsafeBufferPointer { records in
            verdicts.begin(records, into: EnvelopeWriter(sink))
            verdicts.beginCall()
            var call = batch.batch
            if !instance.process(&call, into: verdicts) {
                problem = "patchbay_process doesn't return 0\(verdicts.lastLine.map { ": \($0)" } ?? "")"
            } else if let mistake = verdicts.mistake {
                problem = "it \(mistake)"
            } else if !verdicts.unjudged.isEmpty {
                problem = "it gives no verdict on \(Counted.text(verdicts.unjudged.count, "record")) of \(values.count)"
            }
            verdicts.end()
        }
        batch.retire()
        if problem == nil, let broken = sink.outcomes.first(where: { $0.isPluginFailure }) { problem = broken.explanation }
        return problem.map(Outcome.failed) ?? .passed
    }

    private func largerRecords(
        _ instance: any PluginInstance, _ verdicts: PluginVerdicts, _ subject: Subject, _ options: [UInt8]
    ) -> Outcome {
        let values = (subject.described.examples.map { Array($0.input.utf8) } + [Array("{}".utf8), Array("{\"a\":1}".utf8)]) as [[UInt8]?]
        let (usual, larger) = (OutcomeSink(), OutcomeSink())
        guard let other = subject.code.makeInstance(of: subject.number, options: options, log: verdicts) else {
            return .failed("it can't be made twice")
        }
        let first = judge(instance, verdicts, values, into: usual)
        guard first == .passed else { return first }
        let second = judge(other, verdicts, values, recordSize: MemoryLayout<pb_record>.stride + 32, into: larger)
        guard second == .passed else { return second }
        return usual.outcomes.map(\.outcome) == larger.outcomes.map(\.outcome)
            ? .passed : .failed("they come out differently: step from record to record by `record_size`, as pb_record_at does")
    }

    private func ticks(_ instance: any PluginInstance, _ verdicts: PluginVerdicts) -> Outcome {
        for time in [0, 1_700_000_000_000, Int64.max] {
            verdicts.beginTick(into: EnvelopeWriter(OutcomeSink()))
            let isFine = instance.tick(nowMilliseconds: time, into: verdicts)
            let mistake = verdicts.mistake
            verdicts.end()
            if let mistake { return .failed("it \(mistake)") }
            if !isFine { return .failed("patchbay_tick doesn't return 0") }
        }
        return judge(instance, verdicts, [Array("{}".utf8)])
    }

    private func twoThreads(_ subject: Subject, _ options: [UInt8]) -> Outcome {
        let problems = Mutex<[Outcome]>([])
        let work = { @Sendable in
            for _ in 0..<50 {
                let verdicts = PluginVerdicts(name: subject.name)
                let outcome: Outcome
                if let instance = subject.code.makeInstance(of: subject.number, options: options, log: verdicts) {
                    outcome = Self.quickly(instance, verdicts)
                } else {
                    outcome = .failed("it can't be made: \(verdicts.lastLine ?? "it gives no reason")")
                }
                if outcome != .passed { problems.withLock { $0.append(outcome) } }
            }
        }
        OSThread.runTwice(work)
        return problems.withLock { $0.first } ?? .passed
    }

    /// A batch of plain values.
    private static func quickly(_ instance: any PluginInstance, _ verdicts: PluginVerdicts) -> Outcome {
        let values = (0..<20).map { Array("{\"a\":\($0),\"b\":\"\($0)\"}".utf8) as [UInt8]? }
        guard let batch = CheckedBatch(values) else { return .skipped("there is no memory") }
        return batch.records.withUnsafeBufferPointer { records in
            verdicts.begin(records, into: EnvelopeWriter(OutcomeSink()))
            defer { verdicts.end() }
            verdicts.beginCall()
            var call = batch.batch
            guard instance.process(&call, into: verdicts) else { return .failed("patchbay_process doesn't return 0") }
            return verdicts.isIncomplete ? .failed("a record has no verdict") : .passed
        }
    }

    // MARK: Cost

    private func measure(_ subject: Subject, _ options: [UInt8]) {
        let input = subject.described.examples.first.map { Array($0.input.utf8) } ?? Array("{\"id\":7,\"name\":\"x\"}".utf8)
        let transformer = PluginTransformer(
            subject.code, name: subject.name, number: subject.number, options: options, wantsHeaders: subject.described.wantsHeaders,
            tickInterval: nil)
        let sink = NoSink()
        input.withUnsafeBytes { value in
            let record = Record(partition: 0, recordOffset: 0, timestampMilliseconds: -1, key: nil, value: value)
            let records = [Record](repeating: record, count: 100)
            records.withUnsafeBufferPointer { records in
                func batch() { transformer.transform(RecordBatch(topic: "a.topic", records: records), into: EnvelopeWriter(sink)) }
                for _ in 0..<20 { batch() }
                // The quickest of many is what it costs when nothing disturbs it.
                var best = Duration.seconds(1)
                for _ in 0..<200 { best = min(best, ContinuousClock().measure { batch() }) }
                let nanoseconds = best / .nanoseconds(1) / Double(records.count)
                report(.cost(transformer: subject.described.name, nanosecondsPerRecord: Int(nanoseconds.rounded())))
            }
        }
    }
}

private enum OSThread {
    private final class Work {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// On two threads at once, to their end.
    static func runTwice(_ body: @escaping @Sendable () -> Void) {
        var threads: [pthread_t] = []
        for _ in 0..<2 {
            var thread = pthread_t()
            let work = Unmanaged.passRetained(Work(body))
            let status = pthread_create(
                &thread, nil,
                { work in
                    guard let work else { return nil }
                    Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
                    return nil
                }, work.toOpaque())
            if status == 0 {
                threads.append(thread)
            } else {
                work.release()
            }
        }
        for thread in threads { pthread_join(thread, nil) }
    }
}

/// Remembers every outcome, in order.
final class OutcomeSink: EnvelopeSink {
    struct Entry {
        var outcome: TransformerExample.Outcome
        var explanation: String?

        var isPluginFailure: Bool {
            if case .rejected(PluginVerdicts.failed, _) = outcome { true } else { false }
        }
    }

    private(set) var outcomes: [Entry] = []

    func emit(_ record: Record, data: UnsafeRawBufferPointer) {
        outcomes.append(Entry(outcome: .data(String(decoding: data, as: UTF8.self))))
    }

    func reject(_ record: Record, _ rejection: Rejection) {
        outcomes.append(
            Entry(outcome: .rejected(code: rejection.code, field: rejection.field), explanation: rejection.explanation))
    }

    func filter(_ record: Record, because reason: FilterReason) { outcomes.append(Entry(outcome: .filtered)) }
}

/// Takes everything, for measuring.
private final class NoSink: EnvelopeSink {
    func emit(_ record: Record, data: UnsafeRawBufferPointer) {}
    func reject(_ record: Record, _ rejection: Rejection) {}
    func filter(_ record: Record, because reason: FilterReason) {}
}

extension TransformerExample.Outcome {
    fileprivate var phrase: String {
        switch self {
        case .data(let text): "the data \(text)"
        case .messages(let texts): "\(Counted.text(texts.count, "message")): \(texts.joined(separator: ", "))"
        case .rejected(let code, nil): "rejected, code `\(code)`"
        case .rejected(let code, let field?): "rejected, code `\(code)`, field `\(field)`"
        case .filtered: "filtered"
        }
    }
}

extension FieldKind {
    /// What a value must be, as a plugin gets it.
    fileprivate var phrase: String {
        switch self {
        case .string(let least): least > 1 ? "text of \(least) characters or more" : least == 1 ? "text, and not empty" : "text"
        case .bool: "true or false"
        case .integer(let range): "a whole number" + Self.limits(range)
        case .number(let range):
            "a number" + (range.upperBound == .greatestFiniteMagnitude ? "" : " from \(range.lowerBound) to \(range.upperBound)")
        case .duration(let range): "a whole number of milliseconds" + Self.limits(range)
        case .size(let range): "a whole number of bytes" + Self.limits(range)
        case .choice(let words): "one of " + words.map { "`\($0)`" }.joined(separator: ", ")
        case .list(let kind, let least): "a list" + (least > 0 ? " of \(least) or more" : "") + ", each \(kind.phrase)"
        case .dictionary(let kind): "an object, each value \(kind.phrase)"
        case .object(let fields): "an object with " + fields.map { "`\($0.name)`" }.joined(separator: ", ")
        case .scalar: "text"
        case .any, .json: "any value"
        }
    }

    private static func limits(_ range: ClosedRange<Int64>) -> String {
        switch (range.lowerBound > .min, range.upperBound < .max) {
        case (true, true): " from \(range.lowerBound) to \(range.upperBound)"
        case (true, false): " of \(range.lowerBound) or more"
        case (false, true): " of \(range.upperBound) or less"
        case (false, false): ""
        }
    }
}
