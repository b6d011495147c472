import NIOCore
import Synchronization

/// Counts the connections of each client address. Exact: event loops accept at the same time.
///
/// Thread: any. One lock, taken when a connection opens and when it closes, and only when there is a limit.
final class AddressLimiter: Sendable {
    private let most: Int
    /// Only addresses with connections are in it, so it is never larger than the number of connections.
    private let counts = Mutex<[ClientAddress: Int]>([:])

    /// `nil` when there is no limit.
    ///
    /// - Parameter most: connections at a time; 0 is no limit.
    init?(most: Int) {
        guard most > 0 else { return nil }
        self.most = most
    }

    /// Takes a place; `false` when the address has all of its own.
    func reserve(_ address: ClientAddress) -> Bool {
        counts.withLock { counts in
            let count = counts[address] ?? 0
            guard count < most else { return false }
            counts[address] = count + 1
            return true
        }
    }

    func release(_ address: ClientAddress) {
        counts.withLock { counts in
            guard let count = counts[address] else { return }
            counts[address] = count > 1 ? count - 1 : nil
        }
    }

    /// Addresses with connections.
    var addressCount: Int { counts.withLock { $0.count } }
}

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
