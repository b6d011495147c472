import PatchbayAPI
import PatchbayJSON
import Testing

@Suite("Writer: JSON from values")
struct WriterTests {
    @Test("Commas stand where they belong")
    func commas() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("a")
        writer.beginArray()
        writer.integer(1)
        writer.string("x")
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.null()
        writer.endArray()
        writer.name("b")
        writer.bool(true)
        writer.name("c")
        writer.number(0.1)
        writer.name("d")
        writer.number(.infinity)
        writer.endObject()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":[1,"x",{},[],null],"b":true,"c":0.1,"d":null}"#)
        writer.removeAll()
        writer.bool(false)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "false")
    }

    @Test(
        "Any text survives being written and read",
        arguments: [
            "", "plain", "\"\\/", "\u{0}\u{1}\u{8}\u{9}\u{a}\u{c}\u{d}\u{1f}\u{7f}", "é🚀\u{2028}", String(repeating: "x\"", count: 100),
        ])
    func strings(_ text: String) throws {
        var writer = JSONWriter()
        writer.string(text)
        #expect(try read(String(decoding: writer.bytes, as: UTF8.self)) { $0.stringValue } == text)
    }

    @Test("Bytes that aren't UTF-8 become replacement characters")
    func repairs() throws {
        var writer = JSONWriter()
        ([0x61, 0xFF, 0x22, 0xC3] as [UInt8]).withUnsafeBytes { writer.string(utf8: $0) }
        #expect(try read(String(decoding: writer.bytes, as: UTF8.self)) { $0.stringValue } == "a\u{fffd}\"\u{fffd}")
        writer.removeAll()
        Array("é".utf8).withUnsafeBytes { writer.string(utf8: $0) }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"é\"")
    }

    @Test("Integers of all sizes", arguments: [0, 1, -1, 10, 907, .max, .min] as [Int64])
    func integers(_ value: Int64) {
        var bytes: [UInt8] = []
        JSONText.appendInteger(value, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == String(value))
    }
}
