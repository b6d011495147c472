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
