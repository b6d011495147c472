import NIOCore
import Testing

@testable import PatchbayDelivery

/// Time is whatever the test says.
@Suite struct RateLimitTests {
    private static func at(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000 + milliseconds * 1_000_000) }

    private static func limit(_ rate: Int, _ burst: Int) throws -> RequestRate {
        try #require(RequestRate(perSecond: rate, burst: burst))
    }

    @Test func aRateOfZeroIsNoLimit() { #expect(RequestRate(perSecond: 0, burst: 5) == nil) }

    @Test func aBurstPassesAndThenOneTokenAtATime() throws {
        let limit = try Self.limit(10, 5)
        var meter = RateMeter()
        for _ in 0..<5 { #expect(meter.admit(at: Self.at(0), within: limit) == .admitted) }
        #expect(meter.admit(at: Self.at(0), within: limit) == .refused)
        #expect(meter.admit(at: Self.at(99), within: limit) == .refused)
        #expect(meter.admit(at: Self.at(100), within: limit) == .admitted)
        #expect(meter.admit(at: Self.at(100), within: limit) == .refused)
        // What is not used is saved up, but never beyond the burst.
        for _ in 0..<5 { #expect(meter.admit(at: Self.at(100_000), within: limit) == .admitted) }
        #expect(meter.admit(at: Self.at(100_000), within: limit) == .refused)
    }

    @Test func theRateItselfIsNeverRefused() throws {
        let limit = try Self.limit(10, 1)
        var meter = RateMeter()
        for step in 0..<1000 as Range<UInt64> { #expect(meter.admit(at: Self.at(step * 100), within: limit) == .admitted) }
    }

    @Test func aClientThatKeepsOnIsFlooding() throws {
        let limit = try Self.limit(1, 10)
        #expect(limit.patience == 100)
        var meter = RateMeter()
        for _ in 0..<10 { _ = meter.admit(at: Self.at(0), within: limit) }
        for step in 1...100 as ClosedRange<UInt64> { #expect(meter.admit(at: Self.at(step), within: limit) == .refused) }
        #expect(meter.admit(at: Self.at(101), within: limit) == .flooding)
    }

    @Test func patienceGrowsWithTheBurst() throws { #expect(try Self.limit(10, 500).patience == 1000) }

    @Test func aQuietSecondIsForgiven() throws {
        let limit = try Self.limit(1, 1)
        var meter = RateMeter()
        _ = meter.admit(at: Self.at(0), within: limit)
        for round in 0..<5 as Range<UInt64> {
            // 60 refusals, then more than a second without one, in which a token comes back.
            for _ in 0..<60 { #expect(meter.admit(at: Self.at(round * 1500), within: limit) == .refused) }
            #expect(meter.admit(at: Self.at(round * 1500 + 1400), within: limit) == .admitted)
        }
    }

    @Test func refusalsAreCountedOverTenSeconds() throws {
        let limit = try Self.limit(1, 1)
        var meter = RateMeter()
        // Five a second, never quiet: 50 in any ten seconds, which is within the patience of 100.
        for step in 0..<1000 as Range<UInt64> {
            #expect(meter.admit(at: Self.at(step * 200), within: limit) != .flooding)
        }
    }
}
