import Foundation

/// What pairs of measurements, one without a change and one with it, say about the change: a factor of the second to the first.
///
/// Decided by Wilcoxon's signed ranks, with their exact distribution: one wild measurement weighs no more than its rank, and
/// nothing is assumed about how measurements spread.
public struct PairedRatios: Sendable {
    /// What the pairs say about a factor that would be harm.
    public enum Verdict: Sendable, Equatable {
        /// A factor as large as the limit is refuted.
        case harmless
        /// A factor of 1 or less is refuted, and one as large as the limit is not.
        case harmed
        /// Neither is: too few pairs for this much noise.
        case undecided
    }

    /// Of each pair, the logarithm of the factor.
    private let logarithms: [Double]

    /// - Parameter pairs: above 0, all of them.
    public init(_ pairs: [(without: Double, with: Double)]) { logarithms = pairs.map { log($0.with / $0.without) } }

    /// The factor: the median of the means of all two pairs (Hodges and Lehmann), which belongs to signed ranks as the mean does
    /// to a t-test. 1 when there are no pairs.
    public var ratio: Double { exp(median(means)) }

    /// How likely pairs like these, or more in favour of a small factor, are if the factor is `limit` or more.
    public func probability(ifAtLeast limit: Double) -> Double { lowerTail(logarithms.map { $0 - log(limit) }) }

    /// How likely pairs like these, or more in favour of a large factor, are if the factor is `limit` or less.
    public func probability(ifAtMost limit: Double) -> Double { lowerTail(logarithms.map { log(limit) - $0 }) }

    /// - Parameters:
    ///   - limit: the factor that would be harm, above 1.
    ///   - alpha: how often chance may refute what holds.
    public func verdict(limit: Double, alpha: Double) -> Verdict {
        if probability(ifAtLeast: limit) <= alpha { return .harmless }
        return probability(ifAtMost: 1) <= alpha ? .harmed : .undecided
    }

    /// Of each pair with each, itself included.
    private var means: [Double] {
        logarithms.indices.flatMap { i in logarithms[i...].map { (logarithms[i] + $0) / 2 } }
    }
}

/// The probability of a sum of positive ranks as small as that of these differences, if each was as likely to be negative.
/// Differences of 0 say nothing and are left out; equal ones share their ranks.
private func lowerTail(_ differences: [Double]) -> Double {
    let sorted = differences.filter { $0 != 0 }.sorted { abs($0) < abs($1) }
    // Twice the rank, so that a shared one is a whole number.
    var ranks = [Int](repeating: 0, count: sorted.count)
    var start = 0
    while start < sorted.count {
        var end = start + 1
        while end < sorted.count, abs(sorted[end]) == abs(sorted[start]) { end += 1 }
        for index in start..<end { ranks[index] = start + 1 + end }
        start = end
    }
    let observed = zip(sorted, ranks).reduce(0) { $0 + ($1.0 > 0 ? $1.1 : 0) }
    // How many of the 2^n ways to choose signs have each sum.
    var ways = [Double](repeating: 0, count: ranks.reduce(0, +) + 1)
    ways[0] = 1
    for rank in ranks {
        for sum in stride(from: ways.count - 1, through: rank, by: -1) { ways[sum] += ways[sum - rank] }
    }
    return ways[...observed].reduce(0, +) / ways.reduce(0, +)
}

/// The middle one, or the mean of the two in the middle; 0 when there are none.
public func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
