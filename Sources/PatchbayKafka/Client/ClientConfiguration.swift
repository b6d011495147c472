import CLibRDKafka

/// The one owner of an `rd_kafka_conf_t` until a client takes it over.
struct ClientConfiguration: ~Copyable {
    /// What a client is made for.
    enum Role { case consumer, producer }

    private let native: OpaquePointer

    init() { native = rd_kafka_conf_new() }

    deinit { rd_kafka_conf_destroy(native) }

    /// - Throws: `configuration` with librdkafka's own words.
    borrowing func set(_ name: String, _ value: String) throws(KafkaError) {
        let (result, text) = attempt(name, value)
        guard result == RD_KAFKA_CONF_OK else {
            throw KafkaError(.configuration, text, code: .init(RD_KAFKA_RESP_ERR__INVALID_ARG))
        }
    }

    /// Sets a property, or says in librdkafka's words why not.
    borrowing func attempt(_ name: String, _ value: String) -> (result: rd_kafka_conf_res_t, text: String) {
        var text = ErrorText()
        let result = text.withBuffer { rd_kafka_conf_set(native, name, value, $0, $1) }
        return (result, result == RD_KAFKA_CONF_OK ? "" : text.string)
    }

    /// Sets each default that `properties` doesn't mention, then `properties` in order.
    borrowing func set(
        defaults: [(name: String, value: String)], properties: [(name: String, value: String)]
    ) throws(KafkaError) {
        for (name, value) in defaults where !properties.contains(where: { $0.name == name }) {
            try set(name, value)
        }
        for (name, value) in properties { try set(name, value) }
    }

    /// For callbacks and the opaque pointer.
    borrowing func withNative(_ body: (OpaquePointer) -> Void) { body(native) }

    /// Makes a client, which owns the configuration from then on.
    ///
    /// - Throws: `configuration` when properties contradict each other or librdkafka can't start its threads.
    consuming func makeClient(_ role: Role) throws(KafkaError) -> OpaquePointer {
        var text = ErrorText()
        let type = role == .consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER
        guard let client = text.withBuffer({ rd_kafka_new(type, native, $0, $1) }) else {
            let error = KafkaError(.configuration, text.string, code: .init(rd_kafka_last_error()))
            // librdkafka leaves the configuration to us when it fails.
            _ = consume self
            throw error
        }
        discard self
        return client
    }
}

/// Room for the sentence that librdkafka writes when it refuses something.
struct ErrorText {
    private var bytes = [CChar](repeating: 0, count: 512)

    mutating func withBuffer<Result>(_ body: (UnsafeMutablePointer<CChar>?, Int) -> Result) -> Result {
        bytes.withUnsafeMutableBufferPointer { body($0.baseAddress, $0.count) }
    }

    var string: String { String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) }
}
