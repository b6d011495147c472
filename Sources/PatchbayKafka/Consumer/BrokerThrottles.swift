/// Brokers that hold back their answers because of a quota, each with how long it does.
///
/// Pure.
struct BrokerThrottles {
    private struct Throttle {
        var name: String
        var until: ContinuousClock.Instant
    }

    private var throttles: [Int32: Throttle] = [:]

    var isEmpty: Bool { throttles.isEmpty }

    /// A broker told how long it holds back its next answer.
    /// - Returns: whether it didn't hold back any before.
    mutating func throttled(_ broker: Int32, name: String, milliseconds: Int, at now: ContinuousClock.Instant) -> Bool {
        throttles.updateValue(Throttle(name: name, until: now + .milliseconds(milliseconds)), forKey: broker) == nil
    }

    /// Forgets delays that were not followed by others for a second.
    /// - Returns: whose, by number.
    mutating func takeEnded(at now: ContinuousClock.Instant) -> [(broker: Int32, name: String)] {
        var ended: [(broker: Int32, name: String)] = []
        for (broker, throttle) in throttles where now - throttle.until > .seconds(1) { ended.append((broker, throttle.name)) }
        for (broker, _) in ended { throttles[broker] = nil }
        return ended.sorted { $0.broker < $1.broker }
    }

    mutating func removeAll() { throttles = [:] }
}
