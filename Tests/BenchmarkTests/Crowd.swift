import CLoad
import Glibc

/// Clients under test, connected to a scripted server.
struct Crowd: ~Copyable {
    /// Owned: made in `init`, destroyed in `deinit`.
    let pointer: OpaquePointer

    init(port: UInt16, connections: Int, sampled: Int, partitions: Int = 1, bytesPerSecond: Int = 0) throws {
        var error = cload_error()
        let made = "127.0.0.1".withCString { host in
            "/ws".withCString { path in
                "dashboard".withCString { channel in
                    withUnsafePointer(to: Optional(channel)) { channels in
                        var config = cload_config()
                        config.host = host
                        config.port = port
                        config.path = path
                        config.channels = channels
                        config.channel_count = 1
                        config.connections = UInt32(connections)
                        config.sampled = UInt32(sampled)
                        // In turn, so that the order of accepting is the order of connecting.
                        config.connects_in_flight = 1
                        config.source_addresses = 2
                        config.drain_interval_us = 1_000
                        config.read_bytes_per_second = UInt64(bytesPerSecond)
                        config.partitions = UInt32(partitions)
                        return cload_start(&config, &error)
                    }
                }
            }
        }
        guard let made else { throw ScriptedServer.Failure.socket("cload_start") }
        pointer = made
    }

    deinit { cload_destroy(pointer) }

    func connected(milliseconds: UInt32 = 20_000) -> cload_connect_result {
        var result = cload_connect_result()
        _ = cload_wait_ready(pointer, milliseconds, &result)
        return result
    }

    /// Waits until that many bytes have arrived on all connections together.
    func waitBytes(_ count: Int) {
        let deadline = cload_now() + 20_000_000_000
        while cload_bytes(pointer) < UInt64(count), cload_now() < deadline { usleep(500) }
    }

    func mark(_ next: UInt64 = 0) { cload_mark(pointer, next) }

    func stats(end: UInt64) -> cload_stats {
        var stats = cload_stats()
        cload_snapshot(pointer, end, &stats, nil)
        return stats
    }
}
