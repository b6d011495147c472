/// The `traceparent` header of a request (https://www.w3.org/TR/trace-context/#traceparent-header): which trace of the
/// client's it belongs to. Only carried along, to log lines.
package struct TraceParent: Sendable, Equatable {
    /// The header's value, without what later versions may append.
    package let text: String

    /// 32 hexadecimal digits.
    package var traceID: Substring { text.dropFirst(3).prefix(32) }

    /// - Parameter headers: all values of the header. Given twice or malformed, it counts as not given.
    package init?(_ headers: [String]) {
        guard headers.count == 1, let header = headers.first else { return nil }
        self.init(header)
    }

    init?(_ header: String) {
        // version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 digits.
        let bytes = Array(header.utf8.prefix(56))
        guard bytes.count >= 55, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            Self.areDigits(bytes[0..<2]), Self.areDigits(bytes[3..<35]), Self.areDigits(bytes[36..<52]),
            Self.areDigits(bytes[53..<55])
        else { return nil }
        // Version ff is forbidden; 00 ends here; later ones may go on after another dash.
        let isFirstVersion = bytes[0] == Self.zero && bytes[1] == Self.zero
        guard bytes[0] != Self.f || bytes[1] != Self.f else { return nil }
        guard bytes.count == 55 || (!isFirstVersion && bytes[55] == Self.dash) else { return nil }
        // All zeros mean "none".
        guard bytes[3..<35].contains(where: { $0 != Self.zero }), bytes[36..<52].contains(where: { $0 != Self.zero })
        else { return nil }
        text = String(decoding: bytes[..<55], as: UTF8.self)
    }

    private static let dash = UInt8(ascii: "-")
    private static let zero = UInt8(ascii: "0")
    private static let f = UInt8(ascii: "f")

    private static func areDigits(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...f).contains($0) }
    }
}
