import CLibRDKafka

extension InspectionClient {
    /// Which of these topics are compacted, so that some of their record offsets have no record any more.
    ///
    /// Needs the right to describe configurations; topics that aren't told of are left out.
    func compacted(_ topics: [String], until deadline: ContinuousClock.Instant) -> Set<String> {
        guard !topics.isEmpty, let queue = rd_kafka_queue_new(native) else { return [] }
        defer { rd_kafka_queue_destroy(queue) }
        let timeout = max(1, (deadline - .now).wholeMilliseconds)
        let options = rd_kafka_AdminOptions_new(native, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
        defer { rd_kafka_AdminOptions_destroy(options) }
        var text = ErrorText()
        _ = text.withBuffer { rd_kafka_AdminOptions_set_request_timeout(options, timeout, $0, $1) }
        var resources = topics.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
        rd_kafka_DescribeConfigs(native, &resources, resources.count, options, queue)
        for resource in resources { rd_kafka_ConfigResource_destroy(resource) }
        guard let event = rd_kafka_queue_poll(queue, timeout) else { return [] }
        defer { rd_kafka_event_destroy(event) }
        guard rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR,
            let result = rd_kafka_event_DescribeConfigs_result(event)
        else { return [] }
        var count = 0
        let described = rd_kafka_DescribeConfigs_result_resources(result, &count)
        return Set(UnsafeBufferPointer(start: described, count: count).compactMap(Self.nameIfCompacted))
    }

    private static func nameIfCompacted(_ resource: OpaquePointer?) -> String? {
        guard let resource, let name = rd_kafka_ConfigResource_name(resource) else { return nil }
        var count = 0
        let entries = rd_kafka_ConfigResource_configs(resource, &count)
        for case let entry? in UnsafeBufferPointer(start: entries, count: count) {
            guard let key = rd_kafka_ConfigEntry_name(entry), let value = rd_kafka_ConfigEntry_value(entry),
                String(cString: key) == "cleanup.policy"
            else { continue }
            return String(cString: value).contains("compact") ? String(cString: name) : nil
        }
        return nil
    }
}
