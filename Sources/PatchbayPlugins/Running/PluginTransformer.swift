internal import CPatchbayPlugin
import PatchbayAPI

/// A transformer whose work a plugin does. Makes what the plugin reads of a batch, and sees to it that each record gets a verdict,
/// whatever the plugin does.
///
/// Allocates nothing for a record that passes, unless the plugin wants headers.
///
/// Thread: consumer.
final class PluginTransformer: PluginStep {
    /// Calls on new instances that one batch may cost. A plugin that fails at everything would be called twice for each record.
    private static let mostRetries = 64

    let tickInterval: Duration?

    private let code: any PluginCode
    private let number: Int
    private let options: [UInt8]
    private let wantsHeaders: Bool
    private let verdicts: PluginVerdicts
    private var instance: (any PluginInstance)?
    private var backOff: RestartBackOff?
    private let table = RecordTable()
    /// `nil` where nobody asks, as in trials.
    private var counters: PluginCounters?
    private var hasBroken = false
    /// Batches in a row that came to nothing.
    private var failedBatches = 0

    /// - Parameters:
    ///   - name: for people.
    ///   - number: its place in the description.
    ///   - options: a JSON object.
    init(
        _ code: any PluginCode, name: String, number: Int, options: [UInt8], wantsHeaders: Bool, takesTombstones: Bool = false,
        tickInterval: Duration?
    ) {
        self.code = code
        self.number = number
        self.options = options
        self.wantsHeaders = wantsHeaders
        self.tickInterval = tickInterval
        verdicts = PluginVerdicts(name: name, takesTombstones: takesTombstones)
        backOff = code.restarts.map(RestartBackOff.init)
    }

    deinit { counters?.left(ObjectIdentifier(self)) }

    func begin(on route: String, countingInto counters: PluginCounters) {
        verdicts.belong(to: route)
        self.counters = counters
    }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        guard !batch.records.isEmpty else { return }
        let start = ContinuousClock.now
        defer { counters?.countBatch(ContinuousClock.now - start) }
        verdicts.begin(batch.records, into: output)
        defer { verdicts.end() }
        var topic = batch.topic
        topic.withUTF8 { text in
            let topic = UnsafeRawBufferPointer(text)
            verdicts.beginCall()
            if let pause = instance == nil ? backOff?.pause(at: .now) : nil { return rejectAll(pausedFor: pause) }
            let isNew = instance == nil
            let outcome = call(topic)
            guard outcome != .done || verdicts.isIncomplete else { return note(outcome, isOfUse: true) }
            settle(outcome, isNew: isNew, topic)
        }
    }

    func tick(nowMilliseconds: Int64, into output: EnvelopeWriter) {
        guard let instance else { return }
        verdicts.beginTick(into: output)
        defer { verdicts.end() }
        if !instance.tick(nowMilliseconds: nowMilliseconds, into: verdicts) { broke() }
    }

    // MARK: One call

    private enum Outcome {
        case done
        /// The instance is gone.
        case failed
        /// There is none, and none can be made.
        case refused
    }

    /// Records of the call may have verdicts whatever the outcome.
    private func call(_ topic: UnsafeRawBufferPointer) -> Outcome {
        guard let instance = instance ?? makeInstance() else { return .refused }
        table.fill(verdicts, wantsHeaders: wantsHeaders)
        var batch = table.batch(topic)
        if instance.process(&batch, into: verdicts) { return .done }
        broke()
        return .failed
    }

    private func makeInstance() -> (any PluginInstance)? {
        guard let made = code.makeInstance(of: number, options: options, log: verdicts) else {
            counters?.failed(self, because: verdicts.breakReason ?? "refuses its options")
            return nil
        }
        instance = made
        counters?.began(self, memory: made.memory, isRestart: hasBroken)
        hasBroken = false
        return made
    }

    /// The instance is of no use any more.
    private func broke() {
        // Before it is gone: it may be being asked for its memory.
        counters?.failed(self, because: verdicts.breakReason ?? "says that its instance can't go on")
        instance = nil
        hasBroken = true
    }

    // MARK: What is left

    /// Sees to records without a verdict. Where the plugin broke, they are tried again in halves on new instances, so that only those
    /// are rejected that break a new instance by themselves.
    @inline(never)
    private func settle(_ outcome: Outcome, isNew: Bool, _ topic: UnsafeRawBufferPointer) {
        var isOfUse = outcome == .done
        defer { note(outcome, isOfUse: isOfUse) }
        let left = verdicts.unjudged
        // Alone, on an instance that something else may have ended meanwhile.
        let isInDoubt = !isNew && left.count == 1
        guard outcome == .failed, verdicts.count > 1 || isInDoubt else { return reject(left, outcome) }
        var parts = isInDoubt ? [left] : Self.parts(of: left)
        var retries = 0
        let start = ContinuousClock.now
        while let part = parts.popLast() {
            guard retries < Self.mostRetries, isInTime(start) else {
                reject(part, .failed)
                continue
            }
            retries += 1
            verdicts.beginCall(part)
            let outcome = call(topic)
            let left = verdicts.unjudged
            isOfUse = isOfUse || outcome == .done
            if left.isEmpty { continue }
            if outcome == .failed, part.count > 1 {
                parts += Self.parts(of: left)
            } else {
                reject(left, outcome)
            }
        }
    }

    /// The first alone, since a plugin that goes through a batch in order broke at it; and the rest in halves. The first part comes
    /// last: records are to keep their order.
    private static func parts(of numbers: [Int]) -> [[Int]] {
        let rest = numbers.dropFirst()
        return [rest.suffix(rest.count - rest.count / 2), rest.prefix(rest.count / 2), numbers.prefix(1)]
            .filter { !$0.isEmpty }.map { Array($0) }
    }

    /// The consumer thread's other topics wait meanwhile.
    private func isInTime(_ start: ContinuousClock.Instant) -> Bool {
        guard let most = code.restarts?.retryTime else { return true }
        return ContinuousClock.now - start < most
    }

    private func note(_ outcome: Outcome, isOfUse: Bool) {
        if isOfUse {
            guard failedBatches > 0 else { return }
            failedBatches = 0
            backOff?.succeeded()
        } else {
            failedBatches += 1
            backOff?.failed(isStart: outcome == .refused, at: .now)
        }
        counters?.sawBatches(self, failed: failedBatches, pauseEnd: backOff?.end)
    }

    /// Records don't wait for a plugin: those of other topics would have to, too. Dead letters can be replayed.
    @inline(never)
    private func rejectAll(pausedFor pause: Duration) {
        let left = pause.components.seconds * 1000 + pause.components.attoseconds / 1_000_000_000_000_000
        for number in verdicts.unjudged {
            verdicts.fail(number, "broke several times in a row and is started again in \(left) ms")
        }
    }

    private func reject(_ numbers: [Int], _ outcome: Outcome) {
        let said = verdicts.lastLine.map { ": \($0)" } ?? ""
        let reason =
            switch outcome {
            case .done: "gives no verdict on this record" + (verdicts.mistake.map { "; it \($0)" } ?? "")
            case .failed: "fails at this record\(said)"
            case .refused: "can't be made\(said)"
            }
        for number in numbers { verdicts.fail(number, reason) }
    }
}
