import PatchbayAPI
import PatchbayConfig
import PatchbayCore

/// Runs the records that came last through the routes of two configurations and says what differs.
enum ReloadPreview {
    static func run(
        _ recent: [(cluster: String, topic: String, records: [SampledRecord])],
        from old: RouterConfiguration, to new: RouterConfiguration
    ) -> [TopicPreview] {
        recent.map { source in
            let before = trials(old, cluster: source.cluster, topic: source.topic)
            let after = trials(new, cluster: source.cluster, topic: source.topic)
            var preview = TopicPreview(
                cluster: source.cluster, topic: source.topic, records: source.records.count, recordsChanged: 0,
                messagesByChannel: [:], errorsByCode: [:], examples: [])
            for record in source.records {
                let was = outcomes(of: record, topic: source.topic, before)
                let will = outcomes(of: record, topic: source.topic, after)
                count(was, will, into: &preview)
                guard was != will else { continue }
                preview.recordsChanged += 1
                if preview.examples.count < TopicPreview.maximumExamples {
                    preview.examples.append(
                        .init(
                            partition: record.partition, recordOffset: record.recordOffset,
                            before: was.filter { !will.contains($0) }.map(\.text),
                            after: will.filter { !was.contains($0) }.map(\.text)))
                }
            }
            preview.messagesByChannel = preview.messagesByChannel.filter { $0.value != 0 }
            preview.errorsByCode = preview.errorsByCode.filter { $0.value != 0 }
            return preview
        }
    }

    private enum Outcome: Equatable {
        case message(RouteTrial.Envelope)
        case error(Rejection)

        var text: String {
            switch self {
            case .message(let envelope):
                "\(envelope.channel) \(envelope.type) \(String(decoding: envelope.data, as: UTF8.self))"
            case .error(let rejection): "\(rejection.code): \(rejection.explanation)"
            }
        }
    }

    private static func trials(_ configuration: RouterConfiguration, cluster: String, topic: String) -> [RouteTrial] {
        let largest = configuration.clusters.first { $0.name.hasSameBytes(as: cluster) }?.maxRecord ?? 1 << 20
        return TableBuilder.table(configuration).routes(ofTopic: topic, cluster: cluster).map {
            RouteTrial(route: $0, maximumRecordBytes: largest)
        }
    }

    private static func outcomes(of record: SampledRecord, topic: String, _ trials: [RouteTrial]) -> [Outcome] {
        trials.flatMap { trial in
            let result = trial.run(record, topic: topic)
            return result.envelopes.map(Outcome.message) + result.rejections.map(Outcome.error)
        }
    }

    private static func count(_ before: [Outcome], _ after: [Outcome], into preview: inout TopicPreview) {
        for (outcomes, step) in [(before, -1), (after, 1)] {
            for outcome in outcomes {
                switch outcome {
                case .message(let envelope): preview.messagesByChannel[ByteString(envelope.channel), default: 0] += step
                case .error(let rejection): preview.errorsByCode[rejection.code, default: 0] += step
                }
            }
        }
    }
}
