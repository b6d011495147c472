package import PatchbayCore

/// Flushes the connections of one event loop together, by one system call for up to `SendRing.capacity` of them, where the kernel
/// lets us; else each by its own.
///
/// Thread: loop.
package final class RingFlusher: PassFlusher {
    private var ring: SendRing?
    /// Whether the kernel was asked for a ring. On the event loop, since the thread that makes a ring is the one that uses it.
    private var isAsked = false
    /// Those whose bytes are in the ring, in its order.
    private var waiting: [WebSocketConnection] = []

    package init() {}

    package func flush(_ receivers: ArraySlice<any MessageReceiver>) {
        if !isAsked {
            isAsked = true
            ring = SendRing()
        }
        // One send is one call either way.
        guard let ring, receivers.count > 1 else {
            for receiver in receivers { receiver.flush() }
            return
        }
        for receiver in receivers {
            if let connection = receiver as? WebSocketConnection, add(connection, to: ring) { continue }
            receiver.flush()
        }
        submit(ring)
    }

    private func add(_ connection: WebSocketConnection, to ring: SendRing) -> Bool {
        if ring.count == SendRing.capacity { submit(ring) }
        guard connection.flush(through: ring) else { return false }
        waiting.append(connection)
        return true
    }

    private func submit(_ ring: SendRing) {
        ring.submit()
        for (index, connection) in waiting.enumerated() { connection.flushed(ring.taken(index)) }
        waiting.removeAll(keepingCapacity: true)
        ring.removeAll()
        if ring.isBroken { self.ring = nil }
    }
}
