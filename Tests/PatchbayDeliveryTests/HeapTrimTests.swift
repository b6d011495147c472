import Testing

@testable import PatchbayDelivery

@Suite struct HeapTrimTests {
    @Test func itIsDueOnceACrowdHasArrived() {
        var trim = HeapTrim()
        func isDue() -> Bool { trim.isDue() }
        #expect(!isDue())
        for _ in 0..<HeapTrim.worthwhile { trim.connectionOpened() }
        #expect(!isDue(), "they may still be coming")
        #expect(isDue())
        #expect(!isDue(), "once is enough")
        // One after the other they are no crowd, until they are.
        for _ in 1..<HeapTrim.worthwhile {
            trim.connectionOpened()
            for _ in 0..<2 {
                let isDue = trim.isDue()
                #expect(!isDue)
            }
        }
        trim.connectionOpened()
        #expect(!isDue())
        #expect(isDue())
    }
}
