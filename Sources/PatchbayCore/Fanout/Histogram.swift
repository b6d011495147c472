import Synchronization

/// How often values fell into which range, as Prometheus' histograms count them. Filled from a `HistogramBuffer`, once
/// per batch or pass; read from anywhere.
///
/// Thread: any; one lock.
public final class Histogram: Sendable {
    /// A copy at one moment.
    public struct Snapshot: Sendable, Equatable {
        /// Upper bounds of the ranges, ascending; a last range without bound follows.
        public let bounds: [Double]
        /// Values per range, not added up; one more than there are bounds.
        public var counts: [Int64]
        public var sum: Double = 0

        public var count: Int64 { counts.reduce(0, +) }

        init(bounds: [Double]) {
            self.bounds = bounds
            counts = Array(repeating: 0, count: bounds.count + 1)
        }

        /// - Parameter counts: one more than there are bounds.
        package init(bounds: [Double], counts: [Int64], sum: Double) {
            self.bounds = bounds
            self.counts = counts
            self.sum = sum
        }

        /// Both together; they must have the same bounds.
        public static func + (left: Snapshot, right: Snapshot) -> Snapshot {
            var sum = left
            for (index, count) in right.counts.enumerated() where index < sum.counts.count { sum.counts[index] += count }
            sum.sum += right.sum
            return sum
        }
    }

    private let state: Mutex<Snapshot>

    /// - Parameter bounds: ascending.
    public init(bounds: [Double]) { state = Mutex(Snapshot(bounds: bounds)) }

    public var snapshot: Snapshot { state.withLock { $0 } }

    /// Adds what was gathered and empties the buffer.
    func take(_ buffer: inout HistogramBuffer) {
        guard buffer.isDirty else { return }
        state.withLock { state in
            for index in state.counts.indices { state.counts[index] += buffer.counts[index] }
            state.sum += buffer.sum
        }
        buffer.removeAll()
    }
}

/// Gathers values on one thread, without locks.
struct HistogramBuffer {
    private let bounds: [Double]
    fileprivate private(set) var counts: [Int64]
    fileprivate private(set) var sum = 0.0
    fileprivate private(set) var isDirty = false

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Counts a value as often as it occurred.
    mutating func observe(_ value: Double, times: Int64 = 1) {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index] += times
        sum += value * Double(times)
        isDirty = true
    }

    fileprivate mutating func removeAll() {
        for index in counts.indices { counts[index] = 0 }
        sum = 0
        isDirty = false
    }
}

/// Ranges of the router's histograms: fine where its promises lie, coarse beyond.
enum HistogramBounds {
    /// Seconds from a record's timestamp to the socket write.
    static let delay: [Double] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300]
    /// Seconds of a pass over the subscribers.
    static let pass: [Double] = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5]
    /// Records of one topic handed over by one poll.
    static let batch: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
}
