import CLibRDKafka
import TestSupport

/// What an administrator does to a cluster, by way of librdkafka.
final class ClusterAdmin: @unchecked Sendable {
    // Sound: librdkafka's clients may be used from any thread; `close` comes last.
    private let client: OpaquePointer
    private let brokers: String

    init(brokers: String) throws {
        self.brokers = brokers
        client = try RawClient.make(.init(RD_KAFKA_PRODUCER.rawValue), [("bootstrap.servers", brokers)])
    }

    func close() { rd_kafka_destroy(client) }

    // MARK: Looking

    struct Listing: Sendable {
        var brokers: Int
        /// Number of partitions that have a leader, by topic.
        var topics: [String: Int]
    }

    /// `nil` when no broker answers within a second.
    func listing() async throws -> Listing? {
        try await offPool { [self] in
            var metadata: UnsafePointer<rd_kafka_metadata>?
            guard rd_kafka_metadata(client, 1, nil, &metadata, 1_000) == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { return nil }
            defer { rd_kafka_metadata_destroy(metadata) }
            var listing = Listing(brokers: Int(metadata.pointee.broker_cnt), topics: [:])
            for topic in UnsafeBufferPointer(start: metadata.pointee.topics, count: Int(metadata.pointee.topic_cnt))
            where topic.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                let partitions = UnsafeBufferPointer(start: topic.partitions, count: Int(topic.partition_cnt))
                listing.topics[String(cString: topic.topic)] = partitions.count { $0.leader >= 0 }
            }
            return listing
        }
    }

    /// The first offset that is still there, and the one that comes next.
    func watermarks(_ topic: String, partition: Int32 = 0) async throws -> (low: Int64, high: Int64) {
        try await offPool { [self] in
            var low: Int64 = -1, high: Int64 = -1
            let error = rd_kafka_query_watermark_offsets(client, topic, partition, &low, &high, 10_000)
            guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFailure("watermarks of \(topic): \(RawClient.text(error))") }
            return (low, high)
        }
    }

    /// What the group has committed; `nil` when nothing.
    func committed(_ group: String, _ topic: String, partition: Int32 = 0) async throws -> Int64? {
        try await offPool { [self] in
            let client = try RawClient.make(
                .init(RD_KAFKA_CONSUMER.rawValue), [("bootstrap.servers", brokers), ("group.id", group)])
            defer { rd_kafka_destroy(client) }
            let list = rd_kafka_topic_partition_list_new(1)
            defer { rd_kafka_topic_partition_list_destroy(list) }
            rd_kafka_topic_partition_list_add(list, topic, partition)
            let error = rd_kafka_committed(client, list, 10_000)
            guard error == RD_KAFKA_RESP_ERR_NO_ERROR, let offset = list?.pointee.elems[0].offset else {
                throw KafkaFailure("committed offset of \(group): \(RawClient.text(error))")
            }
            return offset >= 0 ? offset : nil
        }
    }

    // MARK: Topics

    func create(_ topic: String, partitions: Int = 1, copies: Int = 1, config: [String: String] = [:]) async throws {
        try await perform("create \(topic)") { client, queue in
            var entry = rd_kafka_NewTopic_new(topic, Int32(partitions), Int32(copies), nil, 0)
            defer { rd_kafka_NewTopic_destroy(entry) }
            for (name, value) in config { rd_kafka_NewTopic_set_config(entry, name, value) }
            rd_kafka_CreateTopics(client, &entry, 1, nil, queue)
        } errors: { event in
            Self.topicErrors(rd_kafka_CreateTopics_result_topics, rd_kafka_event_CreateTopics_result(event))
        }
        try await eventually("\(topic) has leaders") { try await listing()?.topics[topic] == partitions }
    }

    func delete(_ topic: String) async throws {
        try await perform("delete \(topic)") { client, queue in
            var entry = rd_kafka_DeleteTopic_new(topic)
            defer { rd_kafka_DeleteTopic_destroy(entry) }
            rd_kafka_DeleteTopics(client, &entry, 1, nil, queue)
        } errors: { event in
            Self.topicErrors(rd_kafka_DeleteTopics_result_topics, rd_kafka_event_DeleteTopics_result(event))
        }
    }

    /// Deletes it and creates it again as soon as the brokers let us.
    func recreate(_ topic: String, partitions: Int = 1) async throws {
        try await delete(topic)
        try await eventually("\(topic) can be created again") {
            do { try await create(topic, partitions: partitions) } catch is KafkaFailure { return false }
            return true
        }
    }

    func addPartitions(_ topic: String, upTo count: Int) async throws {
        try await perform("add partitions to \(topic)") { client, queue in
            var entry = rd_kafka_NewPartitions_new(topic, count, nil, 0)
            defer { rd_kafka_NewPartitions_destroy(entry) }
            rd_kafka_CreatePartitions(client, &entry, 1, nil, queue)
        } errors: { event in
            Self.topicErrors(rd_kafka_CreatePartitions_result_topics, rd_kafka_event_CreatePartitions_result(event))
        }
        try await eventually("\(topic) has leaders") { try await listing()?.topics[topic] == count }
    }

    /// As retention does, but at once: what lies before `offset` is gone.
    func deleteRecords(_ topic: String, partition: Int32 = 0, before offset: Int64) async throws {
        try await perform("delete records of \(topic)") { client, queue in
            let list = rd_kafka_topic_partition_list_new(1)
            defer { rd_kafka_topic_partition_list_destroy(list) }
            rd_kafka_topic_partition_list_add(list, topic, partition).pointee.offset = offset
            var entry = rd_kafka_DeleteRecords_new(list)
            defer { rd_kafka_DeleteRecords_destroy(entry) }
            rd_kafka_DeleteRecords(client, &entry, 1, nil, queue)
        } errors: { event in
            guard let list = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event)) else { return [] }
            return (0..<Int(list.pointee.cnt)).map { list.pointee.elems[$0].err }.filter { $0 != RD_KAFKA_RESP_ERR_NO_ERROR }
                .map(RawClient.text)
        }
    }

    // MARK: Groups

    /// Only when nobody is in it any more.
    func deleteGroup(_ group: String) async throws {
        try await perform("delete group \(group)") { client, queue in
            var entry = rd_kafka_DeleteGroup_new(group)
            defer { rd_kafka_DeleteGroup_destroy(entry) }
            rd_kafka_DeleteGroups(client, &entry, 1, nil, queue)
        } errors: { event in
            var count = 0
            let results = rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count)
            return (0..<count).compactMap { rd_kafka_group_result_error(results?[$0]) }
                .map { String(cString: rd_kafka_error_string($0)) }
        }
    }

    // MARK: Rights

    enum Resource: Sendable { case topic(String), group(String) }
    enum Operation: Sendable { case read, write, describe }

    func allow(_ user: String, _ operations: [Operation], on resource: Resource) async throws {
        for operation in operations {
            try await perform("allow \(user) to \(operation) \(resource)") { client, queue in
                var entry = Self.binding(user, operation, resource, rd_kafka_AclBinding_new)
                defer { rd_kafka_AclBinding_destroy(entry) }
                rd_kafka_CreateAcls(client, &entry, 1, nil, queue)
            } errors: { event in
                var count = 0
                let results = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &count)
                return (0..<count).compactMap { rd_kafka_acl_result_error(results?[$0]) }
                    .map { String(cString: rd_kafka_error_string($0)) }
            }
        }
    }

    func forbid(_ user: String, _ operations: [Operation], on resource: Resource) async throws {
        for operation in operations {
            try await perform("forbid \(user) to \(operation) \(resource)") { client, queue in
                var entry = Self.binding(user, operation, resource, rd_kafka_AclBindingFilter_new)
                defer { rd_kafka_AclBinding_destroy(entry) }
                rd_kafka_DeleteAcls(client, &entry, 1, nil, queue)
            } errors: { _ in
                []
            }
        }
    }

    private typealias MakeBinding = (
        rd_kafka_ResourceType_t, UnsafePointer<CChar>?, rd_kafka_ResourcePatternType_t, UnsafePointer<CChar>?,
        UnsafePointer<CChar>?, rd_kafka_AclOperation_t, rd_kafka_AclPermissionType_t, UnsafeMutablePointer<CChar>?, Int
    ) -> OpaquePointer?

    private static func binding(_ user: String, _ operation: Operation, _ resource: Resource, _ make: MakeBinding) -> OpaquePointer? {
        let (type, name) =
            switch resource {
            case .topic(let name): (RD_KAFKA_RESOURCE_TOPIC, name)
            case .group(let name): (RD_KAFKA_RESOURCE_GROUP, name)
            }
        let native =
            switch operation {
            case .read: RD_KAFKA_ACL_OPERATION_READ
            case .write: RD_KAFKA_ACL_OPERATION_WRITE
            case .describe: RD_KAFKA_ACL_OPERATION_DESCRIBE
            }
        // librdkafka writes into this when an argument is wrong.
        var text = [CChar](repeating: 0, count: 256)
        return make(
            type, name, RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:\(user)", "*", native, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            &text, text.count)
    }

    // MARK: Asking

    /// Submits a request and waits for its answer, on a thread of its own.
    private func perform(
        _ what: String, _ submit: @escaping @Sendable (_ client: OpaquePointer, _ queue: OpaquePointer?) -> Void,
        errors: @escaping @Sendable (_ event: OpaquePointer) -> [String]
    ) async throws {
        try await offPool { [self] in
            let queue = rd_kafka_queue_new(client)
            defer { rd_kafka_queue_destroy(queue) }
            submit(client, queue)
            guard let event = rd_kafka_queue_poll(queue, 30_000) else { throw KafkaFailure("\(what): no answer in 30 s") }
            defer { rd_kafka_event_destroy(event) }
            let error = rd_kafka_event_error(event)
            guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFailure("\(what): \(RawClient.text(error))") }
            if let first = errors(event).first { throw KafkaFailure("\(what): \(first)") }
        }
    }

    private static func topicErrors(
        _ topics: (OpaquePointer?, UnsafeMutablePointer<Int>?) -> UnsafeMutablePointer<OpaquePointer?>?, _ result: OpaquePointer?
    ) -> [String] {
        var count = 0
        let results = topics(result, &count)
        return (0..<count).map { rd_kafka_topic_result_error(results?[$0]) }.filter { $0 != RD_KAFKA_RESP_ERR_NO_ERROR }
            .map(RawClient.text)
    }
}

/// librdkafka's clients, quiet.
enum RawClient {
    static func make(_ type: rd_kafka_type_t, _ properties: [(name: String, value: String)]) throws -> OpaquePointer {
        let configuration = rd_kafka_conf_new()
        // Thread: any of librdkafka's. What brokers do to the tests' own clients is no news.
        rd_kafka_conf_set_log_cb(configuration) { _, _, _, _ in }
        let common = [("reconnect.backoff.ms", "50"), ("reconnect.backoff.max.ms", "500"), ("allow.auto.create.topics", "false")]
        var text = [CChar](repeating: 0, count: 256)
        for (name, value) in common + properties {
            guard rd_kafka_conf_set(configuration, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
                rd_kafka_conf_destroy(configuration)
                throw KafkaFailure("\(name)=\(value): \(message(text))")
            }
        }
        guard let client = rd_kafka_new(type, configuration, &text, text.count) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaFailure("no client: \(message(text))")
        }
        return client
    }

    static func text(_ error: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2str(error)) }

    private static func message(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
