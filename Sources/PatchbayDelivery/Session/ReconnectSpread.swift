package import NIOCore

/// When the clients of a server that goes away shall come back: spread evenly, so that the next server is not met by
/// everybody at once.
package struct ReconnectSpread: Sendable, Equatable {
    /// Milliseconds.
    let earliest: Int64
    /// Milliseconds.
    let latest: Int64

    package init(earliest: TimeAmount, latest: TimeAmount) {
        self.earliest = max(0, earliest.nanoseconds / 1_000_000)
        self.latest = max(self.earliest, latest.nanoseconds / 1_000_000)
    }

    /// Milliseconds for one of `count` clients: each has an equal share of the time, and a random moment within it, so
    /// that the clients of several servers don't meet either.
    func milliseconds(
        forClient index: Int, of count: Int, using generator: inout some RandomNumberGenerator
    ) -> Int64 {
        let count = Int64(max(count, 1))
        let index = min(max(Int64(index), 0), count - 1)
        let width = latest - earliest
        let from = earliest + width * index / count
        let to = earliest + width * (index + 1) / count
        return Int64.random(in: from...to, using: &generator)
    }
}
