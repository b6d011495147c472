import PatchbayKafka

/// What was written to a dead-letter topic.
enum DeadLetterFile {
    struct Letter: Sendable {
        var key: String?
        var value: String?
        /// The last header of each name.
        var headers: [String: String]
    }

    /// Every letter of the topic. Blocks.
    static func read(brokers: String, topic: String) throws -> [Letter] {
        let reader = try TopicReader(brokers: [brokers], properties: [], topic: topic, logger: TestKafka.quiet)
        defer { reader.close() }
        func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
        return try reader.readLast(1000, timeout: .seconds(20)).map { record in
            Letter(
                key: text(record.key), value: text(record.value),
                headers: Dictionary(record.headers.map { ($0.name, text($0.value) ?? "") }) { $1 })
        }
    }
}
