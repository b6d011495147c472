import CLibRDKafka

/// All topics a consumer thread has met, each with a number that never changes.
///
/// Thread: consumer.
struct TopicRegistry {
    private(set) var topics: [ConsumedTopic] = []
    private var numbers: [String: Int] = [:]
    /// A record names its topic by handle. Handles stay valid while a partition of the topic is assigned, so this is
    /// cleared with every rebalance.
    private var numbersByHandle: [OpaquePointer: Int] = [:]
    private var lastHandle: OpaquePointer?
    private var lastNumber = 0

    subscript(number: Int) -> ConsumedTopic { topics[number] }

    mutating func number(ofTopic name: String) -> Int {
        if let number = numbers[name] { return number }
        topics.append(ConsumedTopic(name: name))
        numbers[name] = topics.count - 1
        return topics.count - 1
    }

    mutating func topic(named name: String) -> ConsumedTopic { topics[number(ofTopic: name)] }

    /// `nil` for a topic that was never met.
    func known(_ name: String) -> ConsumedTopic? { numbers[name].map { topics[$0] } }

    /// - Parameter handle: from a record, not from an error: those come with handles of their own that don't last.
    mutating func number(ofHandle handle: OpaquePointer) -> Int {
        if handle == lastHandle { return lastNumber }
        let number =
            numbersByHandle[handle] ?? self.number(ofTopic: String(cString: rd_kafka_topic_name(handle)))
        numbersByHandle[handle] = number
        lastHandle = handle
        lastNumber = number
        return number
    }

    mutating func forgetHandles() {
        numbersByHandle.removeAll(keepingCapacity: true)
        lastHandle = nil
    }

    var assignedCount: Int { topics.reduce(0) { $0 + $1.partitions.count { $0 != nil } } }

    /// Of those assigned, how many are read.
    var startedCount: Int { topics.reduce(0) { $0 + $1.partitions.count { $0?.isStarted == true } } }

    var assigned: [TopicPartition] {
        topics.flatMap { topic in
            topic.partitions.compactMap { $0.map { TopicPartition(topic: topic.name, number: $0.number) } }
        }
    }

    /// Of the first partition whose last commit failed.
    var commitProblem: String? {
        for topic in topics {
            for case let partition? in topic.partitions {
                if let problem = partition.commitProblem { return problem }
            }
        }
        return nil
    }

    /// - Parameter subscribed: as in the configuration; decides order, and what is worth showing.
    func statuses(subscribed: [String]) -> [TopicStatus] {
        let named = subscribed.filter { !$0.hasPrefix("^") }
        let others = topics.filter { !named.contains($0.name) && ($0.hasAssignment || $0.problem != nil) }
        return named.map { name in numbers[name].map { topics[$0].status } ?? TopicStatus(topic: name) }
            + others.sorted { $0.name < $1.name }.map(\.status)
    }
}
