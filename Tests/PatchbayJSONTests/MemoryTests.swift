import CAllocationCounter
import PatchbayJSON
import Testing

@Suite("Running out of memory", .enabled(if: allocation_count_is_available()))
struct MemoryTests {
    @Test("Whichever allocation fails, the text is refused as such, and the next one is read")
    func survivesFailure() {
        let long = #"{"Token":"1","TxHash":"1","x":[\#(String(repeating: "1,", count: 20_000))1]}"#
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: long.utf8.count, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: long.utf8)
        let text = UnsafeRawBufferPointer(memory)
        let short = UnsafeRawBufferPointer(rebasing: text[9..<12])

        var refused = 0
        for count in 0..<16 as Range<UInt64> {
            // From scratch, and when a grown parser must grow once more.
            for isWarm in [false, true] {
                var parser = JSONParser()
                if isWarm { #expect(parser.validate(short) == nil) }
                allocation_fail_after(count)
                let code = parser.check(text, against: ShapeTests.outer)?.code
                allocation_fail_never()
                #expect(code == .outOfMemory || code == nil)
                if code == .outOfMemory { refused += 1 }
                #expect(parser.validate(short) == nil)
                #expect(parser.check(text, against: ShapeTests.outer) == nil)
            }
        }
        #expect(refused >= 10)
        #expect(refused < 32)
    }

    @Test("A parser that never got its memory refuses everything")
    func survivesMissingParser() {
        allocation_fail_after(0)
        var parser = JSONParser()
        allocation_fail_never()
        #expect([UInt8]("1".utf8).withUnsafeBytes { parser.validate($0) }?.code == .outOfMemory)
        #expect([UInt8]("1".utf8).withUnsafeBytes { parser.check($0, against: ShapeTests.outer) }?.code == .outOfMemory)
    }
}
