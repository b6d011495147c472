import CLibRDKafka
import PatchbayAPI

/// The headers of a message, parsed by librdkafka when first asked for.
///
/// Thread: the message's owner's.
enum KafkaHeaders: RecordHeaderReader {
    /// The value of the last header of that name, `nil` when there is none, or when it is null.
    static func last(named name: String, of message: OpaquePointer) -> UnsafeRawBufferPointer? {
        guard let headers = list(of: message) else { return nil }
        var value: UnsafeRawPointer?
        var size = 0
        guard rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size)
    }

    /// Every header in order, also those whose name occurs again.
    static func forEach(of message: OpaquePointer, _ visit: RecordHeaders.Visitor) {
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

    /// - Parameter message: an `rd_kafka_message_t`.
    private static func list(of message: OpaquePointer) -> OpaquePointer? {
        var headers: OpaquePointer?
        return rd_kafka_message_headers(UnsafePointer(message), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR ? headers : nil
    }
}
