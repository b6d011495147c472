import CLibRDKafka

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// librdkafka properties as operators write them under `kafka.properties`.
public enum KafkaProperties {
    /// One thing that is wrong.
    public struct Problem: Sendable, Equatable {
        /// Of the property, in the list that was validated.
        public let index: Int
        public let name: String
        public let isUnknownName: Bool
        /// librdkafka's or Patchbay's words; may repeat values.
        public let message: String
    }

    /// What librdkafka or Patchbay has against these properties, in the order given; empty when they are fine.
    ///
    /// Each is tried with librdkafka's parser; when all pass, a client is made (without connecting) to find
    /// contradictions between them, reported under the first property that librdkafka names.
    ///
    /// Thread: any.
    public static func validate(_ properties: [(name: String, value: String)]) -> [Problem] {
        var problems: [Problem] = []
        let trial = ClientConfiguration()
        for (index, property) in properties.enumerated() {
            if let reason = ownedByPatchbay[property.name] {
                problems.append(Problem(index: index, name: property.name, isUnknownName: false, message: reason))
                continue
            }
            let (result, text) = trial.attempt(property.name, property.value)
            guard result != RD_KAFKA_CONF_OK else { continue }
            problems.append(
                Problem(
                    index: index, name: property.name, isUnknownName: result == RD_KAFKA_CONF_UNKNOWN, message: text))
        }
        if problems.isEmpty, let contradiction = contradiction(among: properties) { problems.append(contradiction) }
        return problems
    }

    /// Every name that librdkafka knows, those of topics included. Thread: any.
    public static let names: [String] = {
        // The only list there is: a table for people, one line `name | C/P | …` per property.
        var text: UnsafeMutablePointer<CChar>?
        var size = 0
        guard let stream = open_memstream(&text, &size) else { return [] }
        rd_kafka_conf_properties_show(stream)
        fclose(stream)
        defer { free(text) }
        let table = text.map { String(cString: $0) } ?? ""
        return table.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            let name = String(cells[0].prefix { $0 != " " })
            let isName = name.utf8.contains(0x2E) || name.allSatisfy { $0.isLowercase || $0 == "_" }
            return cells.count > 3 && isName && !name.isEmpty ? name : nil
        }
    }()

    /// Properties that Patchbay sets itself, with the sentence that says what to use instead.
    static let ownedByPatchbay: [String: String] = {
        let brokers = "the brokers are set by `kafka.brokers` (or KAFKA_BROKERS), not as a property"
        let storing =
            "Patchbay sets this itself: a record counts as consumed once it is in a channel log; "
            + "use `auto.commit.interval.ms` to choose how often that is committed"
        let internalUse = "Patchbay sets this itself and depends on it; leave it out"
        return [
            "bootstrap.servers": brokers,
            "metadata.broker.list": brokers,
            "group.id": "the consumer group is set by `kafka.group` (or KAFKA_CONSUMER_GROUP), not as a property",
            "enable.auto.offset.store": storing,
            "enable.auto.commit": storing,
            "auto.commit.enable": storing,
            "offset.store.method": storing,
            "enable.partition.eof": internalUse,
            "log.queue": internalUse,
            "enabled_events": internalUse,
            "opaque": internalUse,
            "test.mock.num.brokers": "an embedded Kafka comes with `patchbay demo`, not as a property",
        ]
    }()

    private static func contradiction(among properties: [(name: String, value: String)]) -> Problem? {
        guard !properties.isEmpty else { return nil }
        do throws(KafkaError) {
            let configuration = ClientConfiguration()
            configuration.withNative {
                // Thread: any of librdkafka's. Keeps the trial silent; captures nothing.
                rd_kafka_conf_set_log_cb($0) { _, _, _, _ in }
            }
            try configuration.set(
                defaults: ConsumerDefaults.properties + [("group.id", "patchbay-check")], properties: properties)
            let client = try configuration.makeClient(.consumer)
            rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
            return nil
        } catch {
            let index = properties.firstIndex { error.message.contains($0.name) } ?? 0
            return Problem(index: index, name: properties[index].name, isUnknownName: false, message: error.message)
        }
    }
}
