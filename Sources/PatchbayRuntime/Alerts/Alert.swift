/// Something about a topic that an operator should know of, for as long as it holds.
struct Alert: Sendable, Equatable, Identifiable {
    enum Kind: String, Sendable, CaseIterable {
        /// Records come in faster than this node takes them.
        case lag
        /// This node reads only some of a topic's partitions, because other members share its consumer group: its
        /// clients miss what the others read.
        case partialAssignment = "partial_assignment"
    }

    /// What there can be one alert at a time for.
    struct Subject: Sendable, Hashable {
        let kind: Kind
        let cluster: String
        let topic: String
    }

    let subject: Subject
    /// Records not yet processed, of all partitions this node reads; `nil` while unknown.
    var lag: Int64?
    /// The largest lag since it began; `nil` while none was known.
    var peakLag: Int64?
    /// Records of lag that are too many; `nil` when there is no limit for the topic.
    var threshold: Int64?
    var partitionsAssigned: Int
    /// `nil` while unknown.
    var partitionsTotal: Int?
    /// When the condition began to hold. Wall clock, milliseconds since 1970.
    let sinceMilliseconds: Int64

    var kind: Kind { subject.kind }
    var cluster: String { subject.cluster }
    var topic: String { subject.topic }

    /// The same for as long as it lasts, and another one when it comes back: `lag/main/trades/1769860800000`.
    var id: String { "\(kind.rawValue)/\(cluster)/\(topic)/\(sinceMilliseconds)" }

    init(subject: Subject, measured: TopicMeasurement, sinceMilliseconds: Int64) {
        self.subject = subject
        self.lag = measured.lag
        self.peakLag = measured.lag
        self.threshold = measured.threshold
        self.partitionsAssigned = measured.partitionsAssigned
        self.partitionsTotal = measured.partitionsTotal
        self.sinceMilliseconds = sinceMilliseconds
    }

    /// Takes over what was measured last. A lag that is unknown for the moment leaves the last known one.
    mutating func update(_ measured: TopicMeasurement) {
        if let lag = measured.lag {
            self.lag = lag
            peakLag = max(peakLag ?? lag, lag)
        }
        threshold = measured.threshold
        partitionsAssigned = measured.partitionsAssigned
        partitionsTotal = measured.partitionsTotal ?? partitionsTotal
    }

    /// One sentence without a full stop, for people. Contains the names of topic and cluster as they are.
    var summary: String {
        switch kind {
        case .lag:
            let limit = threshold.map { ", over the threshold of \($0)" } ?? ""
            return "lag of topic \(topic) on cluster \(cluster) is \(lag.map(String.init) ?? "unknown") records\(limit)"
        case .partialAssignment:
            let total = partitionsTotal.map(String.init) ?? "an unknown number of"
            return "this node reads \(partitionsAssigned) of \(total) partitions of topic \(topic) on cluster \(cluster); "
                + "other members of the consumer group read the rest"
        }
    }

    /// The same for a place that has the figures of now beside it: without the lag, which was another one when the alert was
    /// measured.
    var standing: String {
        guard kind == .lag else { return summary }
        return "topic \(topic) on cluster \(cluster) lags behind" + (threshold.map { " by more than its threshold of \($0) records" } ?? "")
    }

    /// The same once it is over.
    var resolution: String {
        switch kind {
        case .lag:
            let peak = peakLag.map { "; the peak was \($0)" } ?? ""
            return "resolved: lag of topic \(topic) on cluster \(cluster) is \(lag.map(String.init) ?? "unknown") records now\(peak)"
        case .partialAssignment:
            let total = partitionsTotal.map(String.init) ?? "an unknown number of"
            return "resolved: this node reads \(partitionsAssigned) of \(total) partitions of topic \(topic) on cluster \(cluster) now"
        }
    }
}

/// What became of an alert.
enum AlertEvent: Sendable, Equatable {
    case started(Alert)
    /// It goes on, with other numbers.
    case updated(Alert)
    /// - Parameters:
    ///   - atMilliseconds: wall clock, milliseconds since 1970.
    ///   - duration: since the condition began to hold.
    case ended(Alert, atMilliseconds: Int64, duration: Duration)

    var alert: Alert {
        switch self {
        case .started(let alert), .updated(let alert), .ended(let alert, _, _): alert
        }
    }
}
