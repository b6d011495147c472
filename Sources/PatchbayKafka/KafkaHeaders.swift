import CLibRDKafka

/// The headers of a message, parsed by librdkafka when first asked for.
///
/// Thread: whoever owns the message.
enum KafkaHeaders {
    /// The value of the last header of that name, `nil` when there is none, or when it is null.
    static func last(named name: String, of message: UnsafePointer<rd_kafka_message_t>) -> UnsafeRawBufferPointer? {
        guard let headers = list(of: message) else { return nil }
        var value: UnsafeRawPointer?
        var size = 0
        guard rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size)
    }

    /// Every header in order, also those whose name occurs again.
    static func forEach(
        of message: UnsafePointer<rd_kafka_message_t>,
        _ visit: (_ name: String, _ value: UnsafeRawBufferPointer?) -> Void
    ) {
        guard let headers = list(of: message) else { return }
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            if let name { visit(String(cString: name), value.map { UnsafeRawBufferPointer(start: $0, count: size) }) }
            index += 1
        }
    }

    private static func list(of message: UnsafePointer<rd_kafka_message_t>) -> OpaquePointer? {
        var headers: OpaquePointer?
        return rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR ? headers : nil
    }
}
