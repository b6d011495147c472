import CLibRDKafka

/// librdkafka properties as operators write them under `kafka.properties`.
public enum KafkaProperties {
    /// What librdkafka or Patchbay has against these properties, in the order given; empty when they are fine.
    ///
    /// Each is tried on its own with librdkafka's parser; when all pass, a client is made (without connecting) to find
    /// contradictions between them, reported under the first property that librdkafka names.
    ///
    /// Thread: any.
    public static func validate(
        _ properties: [(name: String, value: String)]
    ) -> [(name: String, message: String)] {
        var problems: [(name: String, message: String)] = []
        for (name, value) in properties {
            if let reason = ownedByPatchbay[name] {
                problems.append((name, reason))
                continue
            }
            do throws(KafkaError) {
                try ClientConfiguration().set(name, value)
            } catch {
                problems.append((name, error.message))
            }
        }
        if problems.isEmpty, let contradiction = contradiction(among: properties) { problems.append(contradiction) }
        return problems
    }

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

    private static func contradiction(
        among properties: [(name: String, value: String)]
    ) -> (name: String, message: String)? {
        guard let first = properties.first else { return nil }
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
            let named = properties.first { error.message.contains($0.name) } ?? first
            return (named.name, error.message)
        }
    }
}
