/// Kafka's wire format, as far as its versions without compact fields go (https://kafka.apache.org/protocol#protocol_types).
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func raw(_ more: [UInt8]) { bytes += more }
    mutating func int8(_ value: Int8) { bytes.append(UInt8(bitPattern: value)) }
    mutating func int16(_ value: Int16) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
    mutating func int32(_ value: Int32) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
    mutating func int64(_ value: Int64) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
    mutating func string(_ value: String) {
        int16(Int16(value.utf8.count))
        bytes += Array(value.utf8)
    }
    mutating func data(_ value: [UInt8]) {
        int32(Int32(value.count))
        bytes += value
    }
    mutating func array<Element>(_ elements: [Element], _ body: (inout WireWriter, Element) -> Void) {
        int32(Int32(elements.count))
        for element in elements { body(&self, element) }
    }
    /// A zigzag varint.
    mutating func varint(_ value: Int) {
        var rest = UInt64(bitPattern: Int64((value << 1) ^ (value >> 63)))
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

struct WireReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    mutating func int8() -> Int8 { integer() }
    mutating func int16() -> Int16 { integer() }
    mutating func int32() -> Int32 { integer() }
    mutating func int64() -> Int64 { integer() }
    /// Empty for a null.
    mutating func string() -> String { String(decoding: take(Int(max(0, int16()))), as: UTF8.self) }
    mutating func data() -> [UInt8] { Array(take(Int(max(0, int32())))) }
    /// Empty for a null.
    mutating func array<Element>(_ body: (inout WireReader) -> Element) -> [Element] {
        (0..<max(0, int32())).map { _ in body(&self) }
    }

    private mutating func integer<Integer: FixedWidthInteger>() -> Integer {
        take(Integer.bitWidth / 8).reduce(0) { $0 << 8 | Integer(truncatingIfNeeded: $1) }
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }
}
