import CLibRDKafka
import TestSupport

/// Writes records, plain or in transactions. Values are `{"n":0}`, `{"n":1}`, …
final class ClusterProducer: @unchecked Sendable {
    // Sound: librdkafka's clients may be used from any thread; `close` comes last.
    private let client: OpaquePointer
    private let brokers: String

    init(brokers: String, transaction: String? = nil) throws {
        self.brokers = brokers
        client = try RawClient.make(
            .init(RD_KAFKA_PRODUCER.rawValue),
            [
                ("bootstrap.servers", brokers), ("linger.ms", "1"), ("message.timeout.ms", "60000"),
                ("topic.metadata.refresh.interval.ms", "200"),
            ]
                + (transaction.map { [("transactional.id", $0)] } ?? []))
    }

    func close() { rd_kafka_destroy(client) }

    /// Returns when the brokers have them.
    func produce(_ topic: String, _ numbers: Range<Int>, partition: Int32 = 0, padding: Int = 0) async throws {
        let pad = padding > 0 ? ",\"pad\":\"\(String(repeating: "x", count: padding))\"" : ""
        try await produce(topic, numbers.map { "{\"n\":\($0)\(pad)}" }, partition: partition)
    }

    /// Round robin over the first `partitions`.
    func produce(_ topic: String, _ numbers: Range<Int>, overPartitions partitions: Int) async throws {
        try await offPool { [self] in
            for number in numbers { try enqueue(topic, "{\"n\":\(number)}", Int32(number % partitions), nil) }
            try flush()
        }
    }

    /// - Parameter timestamp: milliseconds since 1970; `nil` for now.
    func produce(_ topic: String, _ values: [String], partition: Int32 = 0, timestamp: Int64? = nil) async throws {
        try await offPool { [self] in
            for value in values { try enqueue(topic, value, partition, timestamp) }
            try flush()
        }
    }

    /// A transaction of its own, committed or aborted.
    func transact(_ topic: String, _ numbers: Range<Int>, commits: Bool = true) async throws {
        let transaction = try await begin()
        try await transaction.produce(topic, numbers)
        try await transaction.end(commits: commits)
    }

    /// Begins a transaction that stays open until `end`.
    func begin() async throws -> Transaction { try await Transaction(brokers: brokers) }

    final class Transaction: Sendable {
        private let producer: ClusterProducer

        fileprivate init(brokers: String) async throws {
            let producer = try ClusterProducer(brokers: brokers, transaction: "test-transaction")
            self.producer = producer
            try await offPool {
                try Self.check("begin a transaction", rd_kafka_init_transactions(producer.client, 30_000))
                try Self.check("begin a transaction", rd_kafka_begin_transaction(producer.client))
            }
        }

        func produce(_ topic: String, _ numbers: Range<Int>) async throws { try await producer.produce(topic, numbers) }

        func end(commits: Bool) async throws {
            try await offPool { [producer] in
                defer { producer.close() }
                try Self.check(
                    commits ? "commit" : "abort",
                    commits ? rd_kafka_commit_transaction(producer.client, 30_000) : rd_kafka_abort_transaction(producer.client, 30_000))
            }
        }

        private static func check(_ what: String, _ error: OpaquePointer?) throws {
            guard let error else { return }
            defer { rd_kafka_error_destroy(error) }
            throw KafkaFailure("\(what): \(String(cString: rd_kafka_error_string(error)))")
        }
    }

    private func enqueue(_ topic: String, _ value: String, _ partition: Int32, _ timestamp: Int64?) throws {
        // What was created or added a moment ago is only known after the next answer of a broker.
        let deadline = ContinuousClock.now + .seconds(20)
        while try !offer(topic, value, partition, timestamp, isLast: .now > deadline) { rd_kafka_poll(client, 100) }
    }

    /// - Returns: `false` for a topic or partition that isn't known, unless it is the last attempt.
    private func offer(
        _ topic: String, _ value: String, _ partition: Int32, _ timestamp: Int64?, isLast: Bool
    ) throws -> Bool {
        var value = value
        let failure = topic.withCString { topic in
            value.withUTF8 { bytes in
                var arguments: [rd_kafka_vu_t] = []
                func add(_ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_t) -> Void) {
                    var argument = rd_kafka_vu_t()
                    argument.vtype = type
                    set(&argument)
                    arguments.append(argument)
                }
                add(RD_KAFKA_VTYPE_TOPIC) { $0.u.cstr = topic }
                add(RD_KAFKA_VTYPE_PARTITION) { $0.u.i32 = partition }
                add(RD_KAFKA_VTYPE_MSGFLAGS) { $0.u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK }
                add(RD_KAFKA_VTYPE_VALUE) {
                    $0.u.mem.ptr = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                    $0.u.mem.size = bytes.count
                }
                if let timestamp { add(RD_KAFKA_VTYPE_TIMESTAMP) { $0.u.i64 = timestamp } }
                return rd_kafka_produceva(client, arguments, arguments.count)
            }
        }
        guard let failure else { return true }
        defer { rd_kafka_error_destroy(failure) }
        let unknown = [RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC]
        if unknown.contains(rd_kafka_error_code(failure)), !isLast { return false }
        throw KafkaFailure("produce: \(String(cString: rd_kafka_error_string(failure)))")
    }

    private func flush() throws {
        guard rd_kafka_flush(client, 60_000) == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFailure("records stay undelivered") }
    }
}
