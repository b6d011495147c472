/// Names one connection, in its handshake's answer and in every log line about it. Random, so that it is unique over
/// restarts and nodes, and says nothing about other connections.
struct ConnectionID: Sendable, Hashable, CustomStringConvertible {
    let value: UInt64

    static func random() -> ConnectionID { ConnectionID(value: .random(in: .min ... .max)) }

    /// 16 hexadecimal digits.
    var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
