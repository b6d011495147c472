import PatchbayKafka
import Testing

@Suite("Back-off")
struct BackoffTests {
    @Test("Doubles up to the maximum, and starts over after a success")
    func doubles() {
        var backoff = Backoff(baseMilliseconds: 100, maximumMilliseconds: 1_000)
        #expect((0..<6).map { _ in backoff.next { 1 } } == [100, 200, 400, 800, 1_000, 1_000])
        backoff.reset()
        #expect(backoff.next { 1 } == 100)
    }

    @Test("Chance moves a delay within its upper half")
    func jitter() {
        var low = Backoff(baseMilliseconds: 100, maximumMilliseconds: 1_000)
        var middle = low
        #expect(low.next { 0 } == 50)
        #expect(middle.next { 0.5 } == 75)
    }

    @Test("Senseless numbers become sensible ones", arguments: [(0, 0), (-5, 10), (Int.max, Int.max)])
    func limits(base: Int, maximum: Int) {
        var backoff = Backoff(baseMilliseconds: base, maximumMilliseconds: maximum)
        for _ in 0..<70 { #expect(backoff.next { 0.3 } >= 1) }
    }
}
