import NIOCore

/// Who connections are counted for: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets and
/// may pick any address of.
///
/// It is the socket's peer. Behind a proxy that is the proxy: limit connections per address there.
struct ClientAddress: Hashable, Sendable {
    /// The upper half of an IPv6 address.
    private let network: UInt64
    /// An IPv4 address; 0 for IPv6.
    private let host: UInt32

    /// `nil` for addresses that are not of the Internet.
    init?(_ address: SocketAddress) {
        // By the layouts of sockaddr_in and sockaddr_in6, which are the same everywhere: their fields are another module's.
        switch address {
        case .v4(let address):
            network = 0
            host = withUnsafeBytes(of: address.address) {
                UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            }
        case .v6(let address):
            let (upper, lower) = withUnsafeBytes(of: address.address) { bytes in
                (
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
                )
            }
            // A listener on `::` sees IPv4 clients as ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2).
            let isMapped = upper == 0 && lower >> 32 == 0xFFFF
            network = isMapped ? 0 : upper
            host = isMapped ? UInt32(truncatingIfNeeded: lower) : 0
        case .unixDomainSocket:
            return nil
        }
    }
}
