import PatchbayKafka

/// A dead letter as a route writes it, put into its topic without one.
struct TestLetter {
    var key: String? = "k"
    var value: String?
    var headers: [(name: String, value: [UInt8]?)] = []
    var route = "trades"
    var topic = "trades"
    var partition = 0
    var offset = 0
    var timestamp: Int64 = 1_700_000_000_000
    var code = "missing_field"
    var explanation = "`Token` is missing"
    var field: String? = "Token"

    func write(to topic: String, of kafka: TestKafka, partition: Int32 = 0, at time: Int64? = nil) throws {
        var reasons: [(name: String, value: [UInt8]?)] = [
            ("patchbay.route", Array(route.utf8)), ("patchbay.topic", Array(self.topic.utf8)),
            ("patchbay.partition", Array("\(self.partition)".utf8)), ("patchbay.offset", Array("\(offset)".utf8)),
            ("patchbay.timestamp", Array("\(timestamp)".utf8)), ("patchbay.error.code", Array(code.utf8)),
            ("patchbay.error", Array(explanation.utf8)),
        ]
        if let field { reasons.append(("patchbay.error.field", Array(field.utf8))) }
        try kafka.producer.produce(
            topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) },
            headers: headers + reasons, timestampMilliseconds: time)
        try kafka.producer.flush(timeoutMilliseconds: 20_000)
    }
}
