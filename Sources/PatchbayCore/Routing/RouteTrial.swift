public import PatchbayAPI

/// Runs single records through a route, step by step, without touching a channel: for explaining, for tests in the
/// configuration, and for previews of a reload.
///
/// Thread: any, one at a time.
public final class RouteTrial {
    /// What one step made of one record.
    public struct Step: Sendable, Equatable {
        public enum Outcome: Sendable, Equatable {
            /// The data of these envelopes, or the records of the next step; `nil` for a tombstone.
            case outputs([[UInt8]?])
            /// Left out on purpose.
            case filtered(Omission)
            case rejected(Rejection)
        }

        /// Why a record was left out on purpose.
        public struct Omission: Sendable, Equatable {
            /// The option that says so.
            public let option: String
            /// A clause: what speaks against the record.
            public let explanation: String

            init(_ reason: FilterReason) {
                option = reason.option.string
                let value = reason.value.map { " " + String(decoding: $0, as: UTF8.self) } ?? ""
                explanation = reason.explanation.string + value
            }
        }

        /// In the chain, from 0. A step that gets several records runs once for each.
        public let index: Int
        public let transformer: String
        /// `nil` for a tombstone.
        public let input: [UInt8]?
        /// What it came to once its time had come, when it was held.
        public let outcome: Outcome
        /// Whether the step held it for later.
        public let isHeld: Bool
    }

    /// One message as a client would get it, but for its timestamp.
    public struct Envelope: Sendable, Equatable {
        public let channel: String
        public let type: String
        public let data: [UInt8]
        /// The key that it says was deleted; `nil` for every other message.
        public let deletedKey: String?

        /// What stands behind `"data":` in the message's text: the data, and what else says that it is a deletion.
        public var dataText: String {
            let data = String(decoding: data, as: UTF8.self)
            return deletedKey.map { "\(data),\"deleted\":true,\"key\":\(JSONLiteral.quoted($0))" } ?? data
        }

        /// By their bytes.
        public static func == (left: Envelope, right: Envelope) -> Bool {
            left.channel.hasSameBytes(as: right.channel) && left.type.hasSameBytes(as: right.type) && left.data == right.data
                && left.deletedKey.map { ByteString($0) } == right.deletedKey.map { ByteString($0) }
        }
    }

    /// What became of one record.
    public struct Result: Sendable, Equatable {
        /// Every step that ran, in order.
        public internal(set) var steps: [Step] = []
        public internal(set) var envelopes: [Envelope] = []
        /// Why the record, or one of its messages, was refused.
        public internal(set) var rejections: [Rejection] = []
        /// Whether it was a tombstone, and the route ignores them.
        public internal(set) var isIgnored = false

        /// Whether the record was left out on purpose.
        public var isFiltered: Bool { envelopes.isEmpty && rejections.isEmpty && !isIgnored }
    }

    private let route: Route
    private let transformers: [any Transformer]
    private let renderer: TemplateRenderer
    private let maxRecord: Int

    public init(route: Route, maxRecord: Int) {
        self.route = route
        self.maxRecord = maxRecord
        transformers = route.steps.map { $0.make() }
        renderer = TemplateRenderer(route.channels, makeFieldReader: route.makeFieldReader)
    }

    public func run(_ sample: SampledRecord, topic: String) -> Result {
        var result = Result()
        let isRoutable = sample.value.map { $0.count <= maxRecord } ?? (route.tombstones == .message)
        guard isRoutable else {
            guard sample.value != nil || route.tombstones != .ignore else {
                result.isIgnored = true
                return result
            }
            let rejection = sample.withRecord { RouteRunner.unroutable($0, maxRecord: maxRecord) }
            result.rejections.append(rejection)
            return result
        }
        var inputs = [sample.value]
        for (index, transformer) in transformers.enumerated() {
            var outputs: [[UInt8]?] = []
            for input in inputs {
                guard input != nil || route.steps[index].takesTombstones else {
                    outputs.append(nil)
                    continue
                }
                let (outcome, isHeld) = step(transformer, sample, input: input, topic: topic)
                result.steps.append(
                    Step(
                        index: index, transformer: route.steps[index].transformer, input: input, outcome: outcome, isHeld: isHeld))
                switch outcome {
                case .outputs(let data): outputs += data
                case .filtered: break
                case .rejected(let rejection): result.rejections.append(rejection)
                }
            }
            inputs = outputs
        }
        for data in inputs { deliver(data, sample, topic: topic, into: &result) }
        return result
    }

    private func step(
        _ transformer: any Transformer, _ sample: SampledRecord, input: [UInt8]?, topic: String
    ) -> (Step.Outcome, isHeld: Bool) {
        let sink = TrialSink()
        var sample = sample
        sample.value = input
        sample.withRecord { record in
            withUnsafePointer(to: record) { pointer in
                let records = UnsafeBufferPointer(start: pointer, count: 1)
                transformer.transform(RecordBatch(topic: topic, records: records), into: EnvelopeWriter(sink))
            }
        }
        let isHeld = sink.isHolding
        if isHeld { transformer.flush(into: EnvelopeWriter(sink)) }
        if let rejection = sink.rejection { return (.rejected(rejection), isHeld) }
        if let omission = sink.omission { return (.filtered(omission), isHeld) }
        return (.outputs(sink.outputs), isHeld)
    }

    /// - Parameter data: `nil` for a tombstone.
    private func deliver(_ data: [UInt8]?, _ sample: SampledRecord, topic: String, into result: inout Result) {
        var names: [[UInt8]] = []
        if let data {
            data.withUnsafeBytes { data in sample.withRecord { renderer.read(data, key: $0.key) } }
        } else {
            var text: [UInt8] = []
            if let rejection = sample.withRecord({ Deletion.write(key: $0.key, to: &text) }) {
                result.rejections.append(rejection)
                return
            }
            sample.withRecord { renderer.read(nil, key: $0.key) }
        }
        for (index, template) in renderer.templates.enumerated() {
            if template.isPlain {
                names.append(Array(template.text.utf8))
                continue
            }
            var name: [UInt8] = []
            if let rejection = sample.withRecord({ renderer.render(index, record: $0, topic: topic, into: &name) }) {
                result.rejections.append(rejection)
            } else if String(validating: name, as: UTF8.self) == nil {
                result.rejections.append(renderer.invalidText(index))
            } else if !names.contains(name) {
                names.append(name)
            }
        }
        for name in names {
            result.envelopes.append(
                Envelope(
                    channel: String(decoding: name, as: UTF8.self), type: route.type, data: data ?? Array("null".utf8),
                    deletedKey: data == nil ? sample.key.map { String(decoding: $0, as: UTF8.self) } : nil))
        }
    }
}

/// Takes what a transformer makes of one record.
private final class TrialSink: EnvelopeSink {
    private(set) var outputs: [[UInt8]?] = []
    private(set) var rejection: Rejection?
    private(set) var omission: RouteTrial.Step.Omission?
    private(set) var isHolding = false

    func emit(_ record: Record, data: UnsafeRawBufferPointer) { outputs.append(Array(data)) }

    func emitTombstone(_ record: Record) { outputs.append(nil) }

    func hold(_ record: Record) -> HeldRecord {
        isHolding = true
        return HeldRecord(topic: 0, partition: record.partition, recordOffset: record.recordOffset)
    }

    func reject(_ record: Record, _ rejection: Rejection) { self.rejection = rejection }

    func filter(_ record: Record, because reason: FilterReason) { omission = RouteTrial.Step.Omission(reason) }
}
