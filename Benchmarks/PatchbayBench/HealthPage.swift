import CLoad

/// The counters of the server's fan-out, from the `fanout` object of `GET /health`.
struct FanoutCounters {
    /// Bytes handed to sockets since the start.
    var bytesWritten: UInt64
    /// System calls that took them.
    var writes: UInt64
    /// Passes over the subscribers.
    var passes: UInt64
}

/// One answer of `GET /health`.
struct HealthPage {
    let body: String

    /// `nil` when there is no answer within a second, or one that isn't 200.
    init?(port: UInt16) {
        var bytes = [CChar](repeating: 0, count: 65_536)
        guard cload_http_get(port, "/health", 1_000, &bytes, bytes.count) == 200 else { return nil }
        body = bytes.withUnsafeBytes { string(in: $0) }
    }

    /// `nil` when the server doesn't tell.
    var fanout: FanoutCounters? {
        guard let start = body.firstRange(of: "\"fanout\"") else { return nil }
        let object = body[start.upperBound...].prefix { $0 != "}" }
        guard let bytes = Self.number("bytes_written", in: object), let writes = Self.number("writes", in: object) else {
            return nil
        }
        return FanoutCounters(bytesWritten: bytes, writes: writes, passes: Self.number("passes", in: object) ?? 0)
    }

    private static func number(_ key: String, in object: Substring) -> UInt64? {
        guard let found = object.firstRange(of: "\"\(key)\"") else { return nil }
        return UInt64(object[found.upperBound...].drop { $0 == ":" || $0 == " " }.prefix { $0.isNumber })
    }
}
