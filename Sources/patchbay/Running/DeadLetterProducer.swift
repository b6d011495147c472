import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayKafka

/// Writes refused records to dead-letter topics of their cluster: the record as it was, with the reason in headers whose
/// names begin with `patchbay.`.
///
/// Thread: consumer. The client is made with the first letter, so that clusters without any have none.
final class DeadLetterProducer: DeadLetterWriter {
    /// How long `settle` waits for the brokers.
    static let patience = Duration.seconds(4)

    private let settings: KafkaSettings
    private let logger: Logger
    private var producer: Producer?
    /// Letters that could not even be queued since the last `settle`.
    private var refused = 0

    init(settings: KafkaSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    deinit { producer?.close(timeoutMilliseconds: 0) }

    func write(_ record: Record, refused report: RejectedRecord, to topic: String) {
        var headers: [(name: String, value: [UInt8]?)] = []
        record.headers.forEach { name, value in headers.append((name, value.map { Array($0) })) }
        headers += [
            ("patchbay.route", Array(report.route.utf8)), ("patchbay.topic", Array(report.topic.utf8)),
            ("patchbay.partition", Array("\(report.partition)".utf8)),
            ("patchbay.offset", Array("\(report.recordOffset)".utf8)),
            ("patchbay.timestamp", Array("\(record.timestampMilliseconds)".utf8)),
            ("patchbay.error.code", Array(report.rejection.code.utf8)),
            ("patchbay.error", Array(report.rejection.explanation.utf8)),
        ]
        if let field = report.rejection.field { headers.append(("patchbay.error.field", Array(field.utf8))) }
        do throws(KafkaError) {
            try client().produce(
                topic: topic, key: record.key.map { Array($0) }, value: record.value.map { Array($0) }, headers: headers)
        } catch {
            refused += 1
            logger.error(
                "a refused record can't be written to the dead-letter topic and is lost",
                metadata: [
                    "route": "\(report.route)", "topic": "\(report.topic)", "partition": "\(report.partition)",
                    "record_offset": "\(report.recordOffset)", "dead_letter": "\(topic)", "error": "\(error.message)",
                ])
        }
    }

    func settle() -> Int {
        defer { refused = 0 }
        guard let producer else { return refused }
        let failedBefore = producer.deliveries.failed
        do throws(KafkaError) {
            try producer.flush(timeoutMilliseconds: Int(Self.patience / .milliseconds(1)) + 1000)
        } catch {
            logger.error("dead letters are not acknowledged", metadata: ["error": "\(error.message)"])
        }
        let failed = Int(producer.deliveries.failed - failedBefore) + producer.queued
        if failed > 0 {
            logger.error(
                "refused records were not taken by the dead-letter topic and are lost",
                metadata: [
                    "records": "\(failed)", "cluster": "\(settings.name)",
                    "error": "\(producer.deliveries.lastError?.message ?? "no reason known")",
                ])
        }
        return refused + failed
    }

    private func client() throws(KafkaError) -> Producer {
        if let producer { return producer }
        let made = try Producer(
            brokers: settings.brokers,
            properties: [("message.timeout.ms", "\(Int(Self.patience / .milliseconds(1)))")]
                + settings.properties.filter { !Self.consumerOnly.contains($0.name) }.map { ($0.name, $0.value) },
            logger: logger)
        producer = made
        return made
    }

    /// Properties that only consumers have (librdkafka's CONFIGURATION.md, column C); a producer warns of them.
    private static let consumerOnly: Set<String> = [
        "auto.offset.reset", "session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy",
        "group.instance.id", "group.protocol.type", "coordinator.query.interval.ms", "max.poll.interval.ms",
        "enable.auto.commit", "auto.commit.interval.ms", "enable.auto.offset.store", "queued.min.messages",
        "queued.max.messages.kbytes", "fetch.wait.max.ms", "fetch.message.max.bytes", "max.partition.fetch.bytes",
        "fetch.max.bytes", "fetch.min.bytes", "fetch.error.backoff.ms", "isolation.level", "enable.partition.eof",
        "check.crcs", "allow.auto.create.topics", "client.rack",
    ]
}
