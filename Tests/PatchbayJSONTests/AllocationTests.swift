import CAllocationCounter
import PatchbayJSON
import Testing

@Suite("Allocations of the parser")
struct AllocationTests {
    @Test("Reading allocates nothing once the buffers have grown", .enabled(if: allocation_count_is_available()))
    func steadyState() {
        let texts = [
            #"{"Token":"1","TxHash":"\u0031","x":[1,2,{"y":1e999}]}"#, #"{"token":"2","tx_hash":"2"}"#,
        ].map { text in
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
            memory.copyBytes(from: text.utf8)
            return UnsafeRawBufferPointer(memory)
        }
        defer { for text in texts { text.deallocate() } }
        var parser = JSONParser()
        var sum = 0
        func readAll() {
            // By index: builds without optimization allocate for every element that a loop over an array takes.
            for index in texts.indices {
                let problem = parser.check(texts[index], against: ShapeTests.outer) { root in
                    for member in root.members { sum += member.name.count + member.value.text.count }
                    sum += root["TxHash"]?.string?.count ?? 0
                }
                if problem != nil { sum = .min }
            }
        }
        readAll()
        let before = allocation_count()
        for _ in 0..<100 { readAll() }
        #expect(allocation_count() == before)
        #expect(sum > 0)
    }

    @Test("The counter counts", .enabled(if: allocation_count_is_available()))
    func counts() {
        let before = allocation_count()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 10_000, alignment: 8)
        #expect(allocation_count() > before)
        memory.deallocate()
    }
}
