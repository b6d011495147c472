import CLoad

/// A crowd of WebSocket clients, drained by one thread of its own.
struct Clients: ~Copyable {
    struct Settings {
        var port: UInt16
        var connections: Int
        /// How many are read and checked in full; the others are drained without copying.
        var sampled: Int
        var channel = "dashboard"
        /// Instead of the one channel: that many of that many.
        var sparse: (perClient: Int, of: Int)?
        var drainIntervalMicroseconds = 2_000
        /// Above 0, a slow reader.
        var bytesPerSecond = 0
        /// 0 leaves the size of the receive buffer to the kernel.
        var receiveBufferBytes = 0
        var partitions: Int
        /// The floor: no handshake, and sequence numbers that start over.
        var isFloor = false
    }

    /// Owned: made in `init`, destroyed in `deinit`, and never handed out beyond a call or a producer's run.
    let pointer: OpaquePointer
    let settings: Settings

    /// Starts to connect; `waitReady` tells when all are there.
    init(_ settings: Settings) throws(BenchFailure) {
        self.settings = settings
        var error = cload_error()
        let made = "127.0.0.1".withCString { host in
            "/ws".withCString { path in
                settings.channel.withCString { channel in
                    withUnsafePointer(to: Optional(channel)) { channels in
                        var config = cload_config()
                        config.host = host
                        config.port = settings.port
                        config.path = path
                        config.channels = channels
                        config.channel_count = settings.isFloor ? 0 : 1
                        if let sparse = settings.sparse {
                            config.sparse = cload_sparse(channels: UInt32(sparse.of), per_client: UInt32(sparse.perClient))
                        }
                        config.connections = UInt32(settings.connections)
                        config.sampled = UInt32(settings.sampled)
                        config.connects_in_flight = 256
                        config.source_addresses = 16
                        config.drain_interval_us = UInt32(settings.drainIntervalMicroseconds)
                        config.pong_interval_ms = settings.isFloor ? 0 : 15_000
                        config.read_bytes_per_second = UInt64(settings.bytesPerSecond)
                        config.receive_buffer_bytes = UInt32(settings.receiveBufferBytes)
                        config.partitions = UInt32(settings.partitions)
                        config.sequence_modulus = settings.isFloor ? UInt64(CLOAD_FLOOR_MODULUS) : 0
                        config.raw = settings.isFloor
                        return cload_start(&config, &error)
                    }
                }
            }
        }
        guard let made else { throw BenchFailure(error) }
        pointer = made
    }

    deinit { cload_destroy(pointer) }

    /// Waits for the last confirmation. Returns connected and subscribed clients per second.
    @discardableResult
    func waitReady(seconds: Double) throws(BenchFailure) -> Double {
        var result = cload_connect_result()
        guard cload_wait_ready(pointer, UInt32(seconds * 1e3), &result) else {
            let failure = withUnsafeBytes(of: &result.first_failure) { string(in: $0) }
            throw BenchFailure(
                "\(result.ready) of \(settings.connections) clients are subscribed after \(seconds) s, "
                    + "\(result.failed) failed" + (failure.isEmpty ? "" : "; the first: \(failure)"))
        }
        return Double(result.ready) / (Double(max(result.elapsed_ns, 1)) / 1e9)
    }

    /// Bytes received since the mark, over all connections.
    var bytes: UInt64 { cload_bytes(pointer) }
    /// Messages received since the mark by the connection that is furthest behind.
    var fewestMessages: UInt64 { cload_min_messages(pointer) }
    /// Messages since the mark, over all sampled connections.
    var sampledMessages: UInt64 { cload_sampled_messages(pointer) }

    /// Whether nothing arrived for that long before the time was up.
    @discardableResult
    func waitQuiet(seconds: Double = 0.3, limit: Double) -> Bool {
        cload_wait_quiet(pointer, UInt32(seconds * 1e3), UInt32(limit * 1e3))
    }

    /// Waits until even the last connection has `count` messages since the mark, as far as bytes tell.
    func waitMessages(_ count: UInt64, limit: Double) {
        let deadline = cload_now() + UInt64(limit * 1e9)
        while fewestMessages < count, cload_now() < deadline { pause(seconds: 0.005) }
    }

    /// Starts counting afresh; only while nothing is in flight.
    func mark(nextSequence: UInt64) { cload_mark(pointer, nextSequence) }

    /// Lets a slow reader read as fast as it can.
    func hurry() { cload_set_read_rate(pointer, 0) }

    func snapshot(endSequence: UInt64, latency: borrowing Histogram) -> cload_stats {
        var stats = cload_stats()
        cload_snapshot(pointer, endSequence, &stats, latency.pointer)
        return stats
    }

    func snapshot(endSequence: UInt64 = 0) -> cload_stats {
        var stats = cload_stats()
        cload_snapshot(pointer, endSequence, &stats, nil)
        return stats
    }
}

extension cload_stats {
    /// Whether every client received every record once and in order, and nothing else but pings.
    var isComplete: Bool {
        sampled_exact == sampled && drained_exact + drained_exact_but_pings == connections - sampled
            && gap_messages == 0 && closed == 0 && protocol_errors == 0 && error_messages == 0
    }

    /// What `isComplete` found, for people.
    var accounting: String {
        "\(sampled_exact)/\(sampled) sampled and \(drained_exact + drained_exact_but_pings)/\(connections - sampled) "
            + "drained clients exact, \(gap_dropped) dropped in \(gap_messages) gaps, "
            + "\(duplicates_or_reordered) duplicated or out of order, \(closed) closed, \(protocol_errors) protocol errors"
    }
}
