import BenchStatistics
import Foundation
import TestSupport
import Testing

struct PairedRatiosTests {
    private func pairs(_ factors: [Double]) -> PairedRatios { PairedRatios(factors.map { (without: 10, with: 10 * $0) }) }

    @Test("Probabilities are those of Wilcoxon's table: ten pairs with a rank sum of 10 are below 5 %, with 11 above")
    func table() {
        // Ranks 1 to 10 by size; those whose ranks sum up to 10, or 11, are above 1.
        func probability(positive: Set<Int>) -> Double {
            pairs((1...10).map { exp(positive.contains($0) ? Double($0) : -Double($0)) }).probability(ifAtLeast: 1)
        }
        #expect(abs(probability(positive: [10]) - 0.0420) < 0.0001)
        #expect(abs(probability(positive: [1, 2, 3, 4]) - 0.0420) < 0.0001)
        #expect(abs(probability(positive: [1, 10]) - 0.0527) < 0.0001)
        #expect(probability(positive: []) == 1.0 / 1024)
        #expect(probability(positive: Set(1...10)) == 1)
    }

    @Test("Equal differences share their ranks, and pairs without a difference say nothing")
    func ties() {
        // Of eight ways to choose three signs, seven have at most two positive ones, and four at most one.
        #expect(pairs([2, 2, 0.5]).probability(ifAtLeast: 1) == 7.0 / 8)
        #expect(pairs([2, 0.5, 0.5, 1]).probability(ifAtLeast: 1) == 4.0 / 8)
        #expect(pairs([1, 1]).probability(ifAtLeast: 1) == 1)
        #expect(pairs([]).probability(ifAtLeast: 1) == 1)
    }

    @Test("One wild pair moves the factor hardly")
    func ratio() {
        #expect(abs(pairs([1.02, 0.98, 1.01, 0.99, 1, 1.03, 30]).ratio - 1.01) < 0.015)
        #expect(abs(pairs([1.5, 1.5, 1.5]).ratio - 1.5) < 1e-12)
        #expect(pairs([]).ratio == 1)
        #expect(median([3, 1, 2]) == 2)
        #expect(median([4, 1, 3, 2]) == 2.5)
    }

    @Test("A limit is refuted, or no effect is, or neither")
    func verdicts() {
        let quiet = [0.99, 1.01, 1.02, 0.98, 1, 1.015, 0.985, 1.005, 0.995, 1.012]
        #expect(pairs(quiet).verdict(limit: 1.15, alpha: 0.05) == .harmless)
        #expect(pairs(quiet.map { $0 * 1.3 }).verdict(limit: 1.15, alpha: 0.05) == .harmed)
        // Told apart from no effect, but not harm.
        #expect(pairs(quiet.map { $0 * 1.05 }).verdict(limit: 1.15, alpha: 0.05) == .harmless)
        let loud = [0.5, 2, 0.6, 1.9, 1.4, 0.7]
        #expect(pairs(loud).verdict(limit: 1.15, alpha: 0.05) == .undecided)
        // With four pairs, nothing can be as unlikely as 5 %.
        #expect(pairs([1, 1, 1, 1]).verdict(limit: 1.15, alpha: 0.05) == .undecided)
    }

    /// How often twelve pairs come to each verdict, if each measurement spreads by a tenth (one in twenty by a factor of five).
    private func verdicts(factor: Double) -> [PairedRatios.Verdict: Int] {
        var generator = SeededGenerator(state: 6)
        func measurement(_ center: Double) -> Double {
            let spread = (0..<12).reduce(-6.0) { sum, _ in sum + .random(in: 0..<1, using: &generator) }
            return center * exp(spread / 10) * (.random(in: 0..<1, using: &generator) < 0.05 ? 5 : 1)
        }
        return (0..<400).reduce(into: [:]) { counts, _ in
            let pairs = (0..<12).map { _ in (without: measurement(40), with: measurement(40 * factor)) }
            counts[PairedRatios(pairs).verdict(limit: 1.15, alpha: 0.05), default: 0] += 1
        }
    }

    @Test("Noise is seldom taken for harm, and harm seldom for noise")
    func errors() {
        let noise = verdicts(factor: 1)
        #expect(noise[.harmed, default: 0] <= 20)
        #expect(noise[.harmless, default: 0] >= 260)
        #expect(verdicts(factor: 1.15)[.harmless, default: 0] <= 28)
        let harm = verdicts(factor: 1.4)
        #expect(harm[.harmless, default: 0] == 0)
        #expect(harm[.harmed, default: 0] >= 340)
    }
}
