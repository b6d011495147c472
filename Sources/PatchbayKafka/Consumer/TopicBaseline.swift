import PatchbayAPI

/// What was there when topics were first asked for: tells those that came into being since, which are read from their
/// beginning, from those that `auto.offset.reset` is about.
struct TopicBaseline {
    /// One name or regular expression, as it was first subscribed to.
    private struct Entry {
        let text: String
        /// `nil` for a name, and for an expression that librdkafka refuses.
        let pattern: TopicPattern?
        /// Number of partitions by topic name, of what the entry stands for; `nil` until a broker has told.
        var present: [String: Int]?

        func stands(for topic: String) -> Bool { pattern?.matches(topic) ?? (text == topic) }

        mutating func learn(_ topics: [String: Int]) {
            if pattern == nil {
                present = topics[text].map { [text: $0] } ?? [:]
            } else {
                present = topics.filter { stands(for: $0.key) }
            }
        }
    }

    /// How old a broker's answer may be to stand for the moment of a subscription. A topic that is created and
    /// subscribed to within that time counts as new: rather a few records too many than one too few.
    static let validity = Duration.seconds(120)

    /// In the order of their first subscription, and never removed: a topic that is left out and comes back isn't new.
    private var entries: [Entry] = []
    private var latest: (topics: [String: Int], at: ContinuousClock.Instant)?

    /// Whether entries wait for `learn`.
    var isIncomplete: Bool { entries.contains { $0.present == nil } }

    /// - Returns: whether it is known what was there; `false` calls for `learn`.
    mutating func subscribe(_ texts: [String], at now: ContinuousClock.Instant) -> Bool {
        for text in texts where !entries.contains(where: { $0.text == text }) {
            var entry = Entry(text: text, pattern: text.hasPrefix("^") ? try? TopicPattern(text) : nil)
            if let latest, now - latest.at <= Self.validity { entry.learn(latest.topics) }
            entries.append(entry)
        }
        return !isIncomplete
    }

    /// - Parameter topics: number of partitions by name, of all topics of the cluster.
    mutating func learn(_ topics: [String: Int], at now: ContinuousClock.Instant) {
        latest = (topics, now)
        for index in entries.indices where entries[index].present == nil { entries[index].learn(topics) }
    }

    /// Whether the partition was there when it was first asked for, be it by name or by a regular expression.
    ///
    /// `true` when nobody knows, so that `auto.offset.reset` decides.
    func existed(_ topic: String, partition: Int32) -> Bool {
        guard let present = entries.first(where: { $0.stands(for: topic) })?.present else { return true }
        return Int(partition) < present[topic, default: 0]
    }
}
