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

    private static let routeHeader = "patchbay.route"

    private let settings: KafkaSettings
    private let logger: Logger
    private var producer: Producer?
    /// Letters that could not even be queued since the last `settle`.
    private var refused = 0
    /// Records since the last `settle` that this very route had refused before.
    private var returned = 0
    /// One of them.
    private var firstReturned: RejectedRecord?

    init(settings: KafkaSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    deinit { producer?.close(timeoutMilliseconds: 0) }

    func write(_ record: Record, refused report: RejectedRecord, to topic: String) -> Bool {
        var headers: [(name: String, value: [UInt8]?)] = []
        record.headers.forEach { name, value in headers.append((name, value.map { Array($0) })) }
        // A loop through other processes, which no check of a file can see, would go on for ever.
        if headers.contains(where: { $0.name == Self.routeHeader && $0.value?.elementsEqual(report.route.utf8) == true }) {
            returned += 1
            firstReturned = firstReturned ?? report
            return false
        }
        headers += [
            (Self.routeHeader, Array(report.route.utf8)), ("patchbay.topic", Array(report.topic.utf8)),
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
            return true
        } catch {
            refused += 1
            logger.error(
                "a refused record can't be written to the dead-letter topic and is lost",
                metadata: [
                    "route": "\(report.route)", "topic": "\(report.topic)", "partition": "\(report.partition)",
                    "record_offset": "\(report.recordOffset)", "dead_letter": "\(topic)", "error": "\(error.message)",
                ])
            return false
        }
    }

    func settle() -> Int {
        defer { (refused, returned, firstReturned) = (0, 0, nil) }
        let untaken = refused + returned
        if let first = firstReturned {
            logger.error(
                "a refused record had come back from a dead-letter topic; it is not written there again and is lost",
                metadata: [
                    "records": "\(returned)", "route": "\(first.route)", "topic": "\(first.topic)",
                    "partition": "\(first.partition)", "record_offset": "\(first.recordOffset)",
                ])
        }
        guard let producer else { return untaken }
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
        return untaken + failed
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
