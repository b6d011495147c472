import CLoad
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1)))
struct FloorTests {
    @Test("The clients read the floor's frames in order, and count as many bytes as it sent", arguments: [false, true])
    func floor(isBlocking: Bool) throws {
        var error = cload_error()
        var port: UInt16 = 0
        let listener = cload_floor_listen(&port, &error)
        try #require(listener >= 0)
        let clients = try #require(connect(port))
        defer { cload_destroy(clients) }

        // The connections wait in the backlog, so sender and clients need no rendezvous.
        var config = cload_floor_config()
        config.listener = listener
        config.connections = 4
        config.bytes_per_call = 10_000
        config.frame_bytes = 420
        config.seconds = 0.3
        config.blocking = isBlocking
        var result = cload_floor_result()
        #expect(cload_floor_send(&config, &result, &error))
        let deadline = cload_now() + 20_000_000_000
        while cload_bytes(clients) < result.bytes, cload_now() < deadline { usleep(500) }
        var stats = cload_stats()
        cload_snapshot(clients, 0, &stats, nil)
        #expect(result.bytes > 0)
        #expect(stats.bytes == result.bytes)
        #expect(stats.frame_bytes == 420)
        #expect(stats.messages > 0)
        #expect(stats.duplicates_or_reordered == 0)
        #expect(stats.protocol_errors == 0)
        #expect(result.bytes / result.calls <= 10_080, "a call takes the nearest number of whole frames at most")
    }

    private func connect(_ port: UInt16) -> OpaquePointer? {
        "127.0.0.1".withCString { host in
            var config = cload_config()
            config.host = host
            config.port = port
            config.connections = 4
            config.sampled = 2
            config.connects_in_flight = 4
            config.source_addresses = 1
            config.partitions = 1
            config.sequence_modulus = UInt64(CLOAD_FLOOR_MODULUS)
            config.raw = true
            return cload_start(&config, nil)
        }
    }
}
