import PatchbayAPI
import PatchbayConfig
import PatchbayCore

/// Runs the records that came last through the routes of two configurations and says what differs.
///
/// Anyone who reaches the admin port may have a candidate tried. So a route that holds the value of a `${…}` is not run, in neither
/// configuration: its channels and messages would tell the value, and a filter would answer questions about it.
enum ReloadPreview {
    static func run(
        _ recent: [(cluster: String, topic: String, records: [SampledRecord])],
        from old: RouterConfiguration, to new: RouterConfiguration
    ) -> [TopicPreview] {
        let hidden = Dictionary(
            (old.routes + new.routes).filter(\.holdsSecrets).map { ($0.name, $0.shownName) }, uniquingKeysWith: { $1 })
        return recent.map { source in
            func trials(_ configuration: RouterConfiguration) -> (run: [RouteTrial], leftOut: [String]) {
                let largest = configuration.maxRecord(ofCluster: source.cluster)
                let routes = TableBuilder.table(configuration).routes(ofTopic: source.topic, cluster: source.cluster)
                return (
                    routes.filter { hidden[$0.name] == nil }.map { RouteTrial(route: $0, maxRecord: largest) },
                    routes.compactMap { hidden[$0.name] }
                )
            }
            let (before, after) = (trials(old), trials(new))
            var preview = TopicPreview(
                cluster: source.cluster, topic: source.topic, records: source.records.count, recordsChanged: 0,
                messagesByChannel: [:], errorsByCode: [:], examples: [])
            let leftOut = Set(before.leftOut + after.leftOut)
            if !leftOut.isEmpty { preview.routesLeftOut = leftOut.sorted() }
            for record in source.records {
                let was = outcomes(of: record, topic: source.topic, before.run)
                let will = outcomes(of: record, topic: source.topic, after.run)
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
                "\(envelope.channel) \(envelope.type) \(envelope.dataText)"
            case .error(let rejection): "\(rejection.code): \(rejection.explanation)"
            }
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
