/// How a topic does on this node, at one moment.
struct TopicMeasurement: Sendable, Equatable {
    enum Consumption: Sendable, Equatable {
        /// Connected, and this consumer owns partitions of some topic.
        case consuming
        /// Connected, and it owns none, of any topic.
        case waitingForAssignment
        /// Not connected, stopped or failed: nothing can be said about lag or assignment.
        case unavailable
    }

    var cluster: String
    var topic: String
    /// Records not yet processed, summed over the partitions this node reads, 0 or more; `nil` unless it is known for
    /// all of them.
    var lag: Int64?
    var partitionsAssigned: Int
    /// All partitions of the topic; `nil` while unknown.
    var partitionsTotal: Int?
    /// Records of lag that are still acceptable, 1 or more; `nil` when any lag is.
    var threshold: Int64?
    var consumption: Consumption

    init(
        cluster: String, topic: String, lag: Int64?, partitionsAssigned: Int, partitionsTotal: Int?, threshold: Int64?,
        consumption: Consumption
    ) {
        self.cluster = cluster
        self.topic = topic
        self.lag = lag
        self.partitionsAssigned = partitionsAssigned
        self.partitionsTotal = partitionsTotal
        self.threshold = threshold
        self.consumption = consumption
    }
}
