import Testing

@testable import PatchbayCore

@Suite struct HistogramTests {
    @Test func valuesFallIntoTheRangeTheyDoNotExceed() {
        let histogram = Histogram(bounds: [1, 10])
        var buffer = HistogramBuffer(bounds: [1, 10])
        for value in [0, 1, 1.5, 10, 11] { buffer.observe(value) }
        buffer.observe(5, times: 100)
        histogram.take(&buffer)
        var snapshot = histogram.snapshot
        #expect(snapshot.counts == [2, 102, 1] && snapshot.count == 105)
        #expect(snapshot.sum == 523.5)
        // The buffer is empty now: taking it again adds nothing.
        histogram.take(&buffer)
        #expect(histogram.snapshot == snapshot)
        snapshot = snapshot + snapshot
        #expect(snapshot.counts == [4, 204, 2] && snapshot.sum == 1047)
    }

    @Test func delaysCountEveryDeliveryAndNoneWithoutATimestamp() {
        let histogram = Histogram(bounds: HistogramBounds.delay)
        var delays = DeliveryDelays()
        let now = Timestamp.nowMilliseconds()
        delays.add(oldest: -1, deliveries: 7)
        delays.add(oldest: now - 40_000, deliveries: 3)
        delays.add(oldest: now - 40_000, deliveries: 2)
        // A clock that is ahead: no delay rather than a negative one.
        delays.add(oldest: now + 100_000, deliveries: 1)
        #expect(histogram.snapshot.count == 0)
        delays.finish(into: histogram)
        let snapshot = histogram.snapshot
        #expect(snapshot.count == 6 && snapshot.counts[0] == 1)
        #expect(snapshot.counts[HistogramBounds.delay.firstIndex(of: 60) ?? 0] == 5)
    }

    /// One record with a timestamp of 2001 added 795 million seconds to the sum, from which averages are computed for as
    /// long as the process runs.
    @Test func aRecordOfYearsAgoCountsAsAnHour() {
        let histogram = Histogram(bounds: HistogramBounds.delay)
        var delays = DeliveryDelays()
        delays.add(oldest: 1_000_000_000_000, deliveries: 2)
        delays.add(oldest: 0, deliveries: 1)
        delays.finish(into: histogram)
        #expect(histogram.snapshot.count == 3 && histogram.snapshot.sum == 3 * 3600)
    }

    @Test func aPassOverManyAgesStaysBounded() {
        let histogram = Histogram(bounds: HistogramBounds.delay)
        var delays = DeliveryDelays()
        for age in 0..<20_000 { delays.add(oldest: Int64(age), deliveries: 1) }
        delays.finish(into: histogram)
        #expect(histogram.snapshot.count == 20_000)
    }
}
