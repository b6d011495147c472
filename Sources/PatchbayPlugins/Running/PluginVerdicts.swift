internal import CPatchbayPlugin
import PatchbayAPI
import PatchbayJSON

/// Takes what a plugin says of the records of a batch, and believes none of it: numbers of records, the order of verdicts, data
/// and texts are checked before they go on. Addresses can't be.
///
/// Allocates nothing for a record that passes.
///
/// Thread: the one of the call that is under way.
final class PluginVerdicts {
    private enum Verdict: UInt8 { case none, emitted, final }

    /// For people: `mask` of `plugins/mask.so`.
    private let name: String
    private var parser = JSONParser(limits: .records)
    private var codes = RejectionCodes()
    private var log: PluginLog

    // The batch as a whole.
    private var records = UnsafeBufferPointer<Record>(start: nil, count: 0)
    private var verdicts: [Verdict] = []
    /// Records without a verdict.
    private var waiting = 0
    private var output: EnvelopeWriter?

    // The call that is under way, which may be about some of the records only.
    private var numbers: [Int] = []
    private var takesTick = false
    /// The first thing the plugin did in this call that it must not do.
    private(set) var mistake: String?
    /// What it said last.
    private(set) var lastLine: String?
    /// Why it can't go on, in the router's words. Completes "the plugin …".
    private(set) var breakReason: String?

    private let takesTombstones: Bool

    /// - Parameter takesTombstones: whether a record without a value can be passed on.
    init(name: String, takesTombstones: Bool = false) {
        self.name = name
        self.takesTombstones = takesTombstones
        log = PluginLog(name: name)
    }

    /// Lines of the log name it from now on.
    func belong(to route: String) { log.route = route }

    // MARK: The host's side

    /// A batch begins; all of its records wait for a verdict.
    func begin(_ batch: UnsafeBufferPointer<Record>, into output: EnvelopeWriter) {
        records = batch
        self.output = output
        waiting = batch.count
        verdicts.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        for index in batch.indices {
            verdicts.append(.none)
            numbers.append(index)
        }
    }

    /// A call about these records, or about none.
    func beginCall(_ numbers: [Int]? = nil, tick: Bool = false) {
        if let numbers { self.numbers = numbers }
        takesTick = tick
        mistake = nil
        lastLine = nil
        breakReason = nil
    }

    /// What is emitted without a record goes to `output`.
    func beginTick(into output: EnvelopeWriter) {
        self.output = output
        beginCall([], tick: true)
    }

    /// Nothing is taken until the next batch.
    func end() {
        if let mistake { log.add(PATCHBAY_WARNING, "does what the contract forbids: \(mistake)") }
        records = UnsafeBufferPointer(start: nil, count: 0)
        output = nil
        takesTick = false
        numbers.removeAll(keepingCapacity: true)
    }

    /// Records of the call.
    var count: Int { numbers.count }

    func record(_ number: Int) -> Record { records[numbers[number]] }

    /// Whether a record of the batch waits for a verdict.
    var isIncomplete: Bool { waiting > 0 }

    /// Those of the call that have no verdict.
    var unjudged: [Int] { numbers.filter { verdicts[$0] == .none } }

    func hasVerdict(_ index: Int) -> Bool { verdicts[index] != .none }

    /// Rejects a record of the batch that has no verdict.
    func fail(_ index: Int, _ explanation: String) {
        guard verdicts[index] == .none else { return }
        judge(index, .final)
        output?.reject(records[index], Rejection(code: Self.failed, explanation: "\(name) \(explanation)"))
    }

    /// Rejects a record of the call that is too large for the way to the plugin.
    func rejectTooLarge(_ number: Int, limit: Int) {
        let explanation = "\(name) runs where a record may have \(limit >> 10) KiB"
        reject(numbers[number], Rejection(code: Self.failed, explanation: explanation))
    }

    /// The plugin can't go on; the router's log hears of it.
    func breaks(_ reason: String) {
        lastLine = "it \(reason)"
        breakReason = reason
        log.add(failure: reason, at: onlyRecord)
    }

    /// The plugin says itself that it can't go on; the router's log hears of it.
    ///
    /// - Parameter number: what its function returned, which isn't 0.
    func gaveUp(_ number: Int32) {
        let reason = "returned \(number) from `\(takesTick ? "patchbay_tick" : "patchbay_process")`"
        // Why it can't, it may have said.
        if lastLine == nil { lastLine = "it \(reason)" }
        breakReason = reason
        log.add(failure: reason, at: onlyRecord)
    }

    /// Where the record of the call is, when there is just one.
    private var onlyRecord: (partition: Int32, offset: Int64)? {
        guard numbers.count == 1, records.indices.contains(numbers[0]) else { return nil }
        let record = records[numbers[0]]
        return (record.partition, record.recordOffset)
    }

    static let failed = "plugin_failed"

    // MARK: The plugin's side

    func emit(_ number: UInt32, _ data: UnsafeRawBufferPointer?) {
        if number == PATCHBAY_NO_RECORD, takesTick { return emitWithoutRecord(data) }
        guard let index = index(number) else { return }
        guard verdicts[index] != .final else { return contradiction("emits for record \(number), which is rejected or filtered") }
        let record = records[index]
        judge(index, .emitted)
        guard let data else {
            guard let value = record.value else {
                return takesTombstones ? output?.emitTombstone(record) ?? () : reject(index, .tombstone)
            }
            if let problem = parser.validate(value) { return reject(index, problem.rejection) }
            output?.emit(record)
            return
        }
        if let problem = parser.validate(data) { return rejectData(index, problem) }
        output?.emit(record, data: data)
    }

    private func emitWithoutRecord(_ data: UnsafeRawBufferPointer?) {
        guard let data else { return contradiction("emits the value of a record that there isn't") }
        if let problem = parser.validate(data) {
            return contradiction("emits data that isn't one JSON value: \(problem.explanation)")
        }
        output?.emit(.none, data: data)
    }

    func reject(
        _ number: UInt32, code: UnsafeRawBufferPointer, field: UnsafeRawBufferPointer, text: UnsafeRawBufferPointer
    ) {
        guard let index = index(number) else { return }
        guard verdicts[index] == .none else { return contradiction("rejects record \(number), which has a verdict") }
        var explanation = text.isEmpty ? "\(name) gives no reason" : PluginText.bounded(text, limit: PluginText.sentenceLimit)
        let word = codes.word(code)
        if word == nil {
            explanation += " (the code `\(PluginText.bounded(code, limit: RejectionCodes.longest))` is no word of a few, as codes are)"
        }
        reject(
            index,
            Rejection(
                code: word ?? Self.failed, field: field.isEmpty ? nil : PluginText.bounded(field, limit: PluginText.fieldLimit),
                explanation: explanation))
    }

    func filter(_ number: UInt32, text: UnsafeRawBufferPointer) {
        guard let index = index(number) else { return }
        guard verdicts[index] == .none else { return contradiction("filters record \(number), which has a verdict") }
        judge(index, .final)
        output?.filter(
            records[index],
            because: FilterReason(
                option: "", explanation: BorrowedText(UnsafeRawBufferPointer(rebasing: text.prefix(PluginText.sentenceLimit)))))
    }

    func log(_ level: UInt32, _ text: UnsafeRawBufferPointer) {
        let line = PluginText.bounded(text, limit: PluginText.sentenceLimit)
        lastLine = line
        log.add(level, line)
    }

    // MARK: Checks

    private func judge(_ index: Int, _ verdict: Verdict) {
        if verdicts[index] == .none { waiting -= 1 }
        verdicts[index] = verdict
    }

    /// The place in the batch of a record of the call.
    private func index(_ number: UInt32) -> Int? {
        guard output != nil, Int(number) < numbers.count else {
            contradiction("names record \(number) of \(numbers.count)")
            return nil
        }
        return numbers[Int(number)]
    }

    private func reject(_ index: Int, _ rejection: Rejection) {
        judge(index, .final)
        output?.reject(records[index], rejection)
    }

    @inline(never)
    private func rejectData(_ index: Int, _ problem: JSONProblem) {
        var (code, explanation) = (Self.failed, "\(name) emits data that isn't one JSON value: \(problem.explanation)")
        // Many take an object apart no more than they have to.
        if let own = records[index].value.flatMap({ parser.validate($0) }) {
            code = own.code.rawValue
            explanation += "; the record's own value isn't one either"
        }
        reject(index, Rejection(code: code, explanation: explanation))
    }

    /// Ignored, but for the first of a call, which is told.
    private func contradiction(_ text: @autoclosure () -> String) {
        if mistake == nil { mistake = text() }
    }
}

/// The codes of rejections that a plugin uses. They are labels of metrics, so there are only a few.
struct RejectionCodes {
    /// Different ones of an instance.
    static let most = 32
    /// Bytes of one.
    static let longest = 48

    private var known: [(bytes: [UInt8], word: String)] = []

    /// `nil` for what is no word of a-z, 0-9 and `_`, and for one too many.
    mutating func word(_ bytes: UnsafeRawBufferPointer) -> String? {
        for entry in known where entry.bytes.count == bytes.count && entry.bytes.elementsEqual(bytes) { return entry.word }
        guard known.count < Self.most, (1...Self.longest).contains(bytes.count), bytes.allSatisfy(Self.isAllowed) else { return nil }
        let word = String(decoding: bytes, as: UTF8.self)
        known.append((Array(bytes), word))
        return word
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
