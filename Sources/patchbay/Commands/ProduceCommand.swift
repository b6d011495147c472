import ArgumentParser
import Foundation
import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka
import PatchbayRuntime

/// `patchbay produce`: writes records to any broker.
struct ProduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce",
        abstract: "Write records to a topic.",
        discussion: """
            Each argument becomes one record; with `-`, or with none, each line of standard input does (end with Ctrl-D). \
            Values are sent as they are.

            Example: patchbay produce --brokers localhost:9092 trade-info '{"Token":"0x1"}'

            Exit codes: 0 the brokers have all of them; 69 they can't be reached, or refuse some; 78 a --property or \
            KAFKA_BROKERS is wrong.
            """)

    @Argument(help: "The topic.")
    var topic: String

    @Argument(help: ArgumentHelp("Record values, or - for lines of standard input.", valueName: "JSON"))
    var values: [String] = []

    @Option(help: "host:port, separated by commas. Default: KAFKA_BROKERS, or localhost:9092.")
    var brokers: String?

    @Option(help: "Key of every record.")
    var key: String?

    @Option(help: "Partition; by default the key decides.")
    var partition: Int32?

    @Option(name: .customLong("header"), help: ArgumentHelp("A header, repeatable.", valueName: "name=value"))
    var headers: [String] = []

    @Flag(help: "Write tombstones: records without a value, one per key. Takes no values.")
    var tombstone = false

    @Option(help: "librdkafka property, repeatable.")
    var property: [String] = []

    @Option(help: "Seconds to wait for the brokers to take everything.")
    var timeout = 10

    func validate() throws {
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
        try (headers + property).checkPairs()
        try BrokerList.check(brokers)
        if tombstone, !values.isEmpty || key == nil {
            throw ValidationError("--tombstone takes a --key and no values")
        }
    }

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let logger = try Logs.start(environment: ["LOG_LEVEL": environment["LOG_LEVEL"] ?? "error"])
        let brokers = try BrokerList.of(brokers, environment: environment)
        let list = brokers.joined(separator: ", ")
        let producer: Producer
        do {
            producer = try Producer(
                brokers: brokers,
                // A topic that the brokers don't know counts as missing after this; by default 30 s. Brokers that create
                // topics when they are asked for need a moment.
                properties: [
                    ("message.timeout.ms", "\(timeout * 1000)"), ("topic.metadata.propagation.max.ms", "2000"),
                ] + property.map(NameAndValue.of), logger: logger)
        } catch {
            throw Exit.because(ErrorSentence.of(error), Exit.configuration)
        }
        defer { producer.close(timeoutMilliseconds: 0) }
        if tombstone {
            try send(nil, with: producer)
        } else if values.isEmpty || values == ["-"] {
            StandardInput.tellTerminal("reading records for \(DisplayText.plain(topic)) from standard input, one per line; end with Ctrl-D")
            while let line = readLine() {
                if !line.isEmpty { try send(line, with: producer) }
            }
        } else {
            for value in values { try send(value, with: producer) }
        }
        // Undelivered records time out by themselves first and say why.
        do throws(KafkaError) {
            try producer.flush(timeoutMilliseconds: timeout * 1000 + 2000)
        } catch {
            throw Exit.because("\(error.message); \(producer.trouble(since: .now) ?? "is a broker at \(list)?")", Exit.unavailable)
        }
        let deliveries = producer.deliveries
        guard deliveries.failed == 0 else {
            let records = Counted.text(deliveries.failed, "record was", "records were")
            var reason = deliveries.lastError?.message ?? "no reason known"
            if deliveries.lastError?.kind == .timedOut {
                reason += "; " + (producer.trouble(since: .now) ?? "is a broker at \(list)?")
            }
            throw Exit.because("\(records) not accepted: \(reason)", Exit.unavailable)
        }
        Output.error("\(Counted.text(deliveries.delivered, "record")) written to \(topic)\n")
    }

    private func send(_ value: String?, with producer: Producer) throws {
        let headers = headers.map(NameAndValue.of).map { (name: $0.name, value: Array($0.value.utf8) as [UInt8]?) }
        while true {
            do throws(KafkaError) {
                try producer.produce(
                    topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) },
                    headers: headers)
                return
            } catch {
                guard error.kind == .queueFull else { throw Exit.because(error.message, Exit.unavailable) }
                Thread.sleep(forTimeInterval: 0.01)
            }
        }
    }
}
