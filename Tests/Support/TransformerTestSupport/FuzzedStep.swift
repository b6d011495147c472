public import PatchbayAPI
import PatchbayJSON

/// A step with options, for tests and the fuzzer (Tests/Fuzz) which give it any bytes.
public struct FuzzedStep: CustomStringConvertible, Sendable {
    public let definition: TransformerDefinition
    public let options: [String: ConfigValue]
    public var description: String { "\(definition.name) \(options.count)" }

    public init(_ definition: TransformerDefinition, _ options: [String: ConfigValue] = [:]) {
        self.definition = definition
        self.options = options
    }

    public func make() throws(OptionError) -> any Transformer { try definition.make(options) }

    /// Runs a batch and then what time or a stop brings, and says what must not be: a record without a verdict or with two that
    /// contradict each other, a message that is no JSON, a record that is still held.
    ///
    /// - Parameters:
    ///   - transformer: one of this step's, which may have had other batches.
    ///   - records: without a value for tombstones, which come only to steps that take them.
    ///   - emitted: counts messages.
    /// - Returns: `nil` when all is as it must be.
    public func problem(
        of transformer: any Transformer, with records: [[UInt8]?], key: [UInt8]?, emitted: inout Int
    ) -> String? {
        let records = definition.takesTombstones ? records : records.map { $0 ?? [] }
        let sink = CollectingSink()
        OwnedBatch(records, key: key, timestampMilliseconds: 5).run(transformer, into: sink)
        transformer.tick(nowMilliseconds: 1 << 40, into: EnvelopeWriter(sink))
        transformer.flush(into: EnvelopeWriter(sink))
        if let held = sink.held.first { return "record \(held.recordOffset) is still held" }
        var parser = JSONParser(limits: .records)
        let verdicts = Dictionary(grouping: sink.outcomes, by: \.recordOffset)
        for (index, record) in records.enumerated() {
            let outcomes = (verdicts[Int64(index)] ?? []).map(\.outcome)
            var problem: String?
            var messages = 0
            for case .data(let text) in outcomes {
                messages += 1
                if let error = Array(text.utf8).withUnsafeBytes({ parser.validate($0) }) { problem = "\(error)" }
            }
            emitted += messages
            if outcomes.isEmpty { problem = "no verdict" }
            if outcomes.count > 1 && messages != outcomes.count { problem = "contradicting verdicts" }
            if let problem { return "\(problem): \(String(decoding: record ?? [], as: UTF8.self)) -> \(outcomes)" }
        }
        let strangers = verdicts.keys.filter { $0 < 0 || $0 >= Int64(records.count) }
        return strangers.isEmpty ? nil : "verdicts on records that were not there: \(strangers)"
    }
}
