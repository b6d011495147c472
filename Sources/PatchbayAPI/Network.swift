#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An IPv4 or IPv6 address. IPv4 counts as what a listener on `::` sees of it, `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2).
package struct InternetAddress: Sendable, Hashable {
    fileprivate let upper: UInt64
    fileprivate let lower: UInt64
    fileprivate let isIPv4: Bool

    package init?(_ text: some StringProtocol) {
        let text = String(text)
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            (upper, lower, isIPv4) = (0, 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr)), true)
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        (upper, lower) = withUnsafeBytes(of: six) {
            (
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        isIPv4 = false
    }
}

/// All addresses that begin alike, as in `10.0.0.0/8` or `fd00::/8`; an address alone is a network of one.
package struct Network: Sendable, Hashable {
    private let upper: UInt64
    private let lower: UInt64
    /// Bits that count, of 128.
    private let bits: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = InternetAddress(parts[0]) else { return nil }
        var bits = 128
        if parts.count == 2 {
            let most = address.isIPv4 ? 32 : 128
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]), given <= most else { return nil }
            bits = given + 128 - most
        }
        self.bits = bits
        upper = address.upper & Self.mask(bits)
        lower = address.lower & Self.mask(bits - 64)
    }

    package func contains(_ address: InternetAddress) -> Bool {
        address.upper & Self.mask(bits) == upper && address.lower & Self.mask(bits - 64) == lower
    }

    /// The upper bits of 64; none for a number below 1, all from 64 on.
    private static func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits)) }
}
