import CAllocationCounter
import PatchbayJSON
import Testing

@Suite("Running out of memory", .enabled(if: allocation_count_is_available()))
struct MemoryTests {
    /// Swift's runtime builds what it knows of a type when that is first needed, and doesn't survive without memory for it.
    /// Whichever test came first ended the process one time in many.
    private func warmUp(_ text: UnsafeRawBufferPointer) {
        var parser = JSONParser()
        let codes = [parser.check(text, against: ShapeTests.outer)?.code, .outOfMemory]
        #expect(codes.last == .outOfMemory)
        let failed = [UInt8]("x".utf8).withUnsafeBytes { parser.check($0, against: ShapeTests.outer) }?.code
        #expect(failed != nil)
    }

    @Test("Whichever allocation fails, the text is refused as such, and the next one is read")
    func survivesFailure() {
        let long = #"{"Token":"1","TxHash":"1","x":[\#(String(repeating: "1,", count: 20_000))1]}"#
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: long.utf8.count, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: long.utf8)
        let text = UnsafeRawBufferPointer(memory)
        let short = UnsafeRawBufferPointer(rebasing: text[9..<12])

        warmUp(text)
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
        [UInt8]("1".utf8).withUnsafeBytes { warmUp($0) }
        allocation_fail_after(0)
        var parser = JSONParser()
        allocation_fail_never()
        #expect([UInt8]("1".utf8).withUnsafeBytes { parser.validate($0) }?.code == .outOfMemory)
        #expect([UInt8]("1".utf8).withUnsafeBytes { parser.check($0, against: ShapeTests.outer) }?.code == .outOfMemory)
    }
}
