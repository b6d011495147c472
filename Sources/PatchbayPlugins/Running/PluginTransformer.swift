internal import CPatchbayPlugin
import PatchbayAPI

/// A transformer whose work a plugin does. Makes what the plugin reads of a batch, and sees to it that each record gets a verdict,
/// whatever the plugin does.
///
/// Allocates nothing for a record that passes, unless the plugin wants headers.
///
/// Thread: consumer.
final class PluginTransformer: Transformer {
    /// Calls on new instances that one batch may cost. A plugin that fails at everything would be called twice for each record.
    private static let mostRetries = 64

    let tickInterval: Duration?

    private let code: any PluginCode
    private let number: Int
    private let options: [UInt8]
    private let wantsHeaders: Bool
    private let verdicts: PluginVerdicts
    private var instance: (any PluginInstance)?
    private let table = RecordTable()

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
    }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        guard !batch.records.isEmpty else { return }
        verdicts.begin(batch.records, into: output)
        defer { verdicts.end() }
        var topic = batch.topic
        topic.withUTF8 { text in
            let topic = UnsafeRawBufferPointer(text)
            verdicts.beginCall()
            let outcome = call(topic)
            guard outcome != .done || verdicts.isIncomplete else { return }
            settle(outcome, topic)
        }
    }

    func tick(nowMilliseconds: Int64, into output: EnvelopeWriter) {
        guard let instance else { return }
        verdicts.beginTick(into: output)
        defer { verdicts.end() }
        if !instance.tick(nowMilliseconds: nowMilliseconds, into: verdicts) { self.instance = nil }
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
        guard let instance = instance ?? code.makeInstance(of: number, options: options, log: verdicts) else { return .refused }
        self.instance = instance
        table.fill(verdicts, wantsHeaders: wantsHeaders)
        var batch = table.batch(topic)
        if instance.process(&batch, into: verdicts) { return .done }
        self.instance = nil
        return .failed
    }

    // MARK: What is left

    /// Sees to records without a verdict. Where the plugin broke, they are tried again in halves on new instances, so that only those
    /// are rejected that break it.
    @inline(never)
    private func settle(_ outcome: Outcome, _ topic: UnsafeRawBufferPointer) {
        let left = verdicts.unjudged
        guard outcome == .failed, verdicts.count > 1 else { return reject(left, outcome) }
        var parts = Self.halves(of: left)
        var retries = 0
        while let part = parts.popLast() {
            guard retries < Self.mostRetries else {
                reject(part, .failed)
                continue
            }
            retries += 1
            verdicts.beginCall(part)
            let outcome = call(topic)
            let left = verdicts.unjudged
            if left.isEmpty { continue }
            if outcome == .failed, part.count > 1 {
                parts += Self.halves(of: left)
            } else {
                reject(left, outcome)
            }
        }
    }

    /// The first half comes last: records are to keep their order.
    private static func halves(of numbers: [Int]) -> [[Int]] {
        let middle = numbers.count / 2
        return [Array(numbers[middle...]), Array(numbers[..<middle])].filter { !$0.isEmpty }
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
