import Glibc

/// Speaks just enough of Kafka's protocol to store a batch that no producer would send.
///
/// Layouts: https://kafka.apache.org/protocol#The_Messages_Produce and https://kafka.apache.org/documentation/#recordbatch
enum RawProduce {
    struct SocketError: Error { let step: String, code: Int32 }

    /// One batch of three records whose checksum doesn't match its bytes, to partition 0.
    ///
    /// - Parameter deltas: where each record says it lies in the batch; leave some out for a hole.
    static func sendBatchWithWrongChecksum(
        to broker: String, topic: String, deltas: [UInt8] = [0, 1, 2]
    ) throws {
        var batch = Bytes()
        batch.int64(0)  // base offset
        var rest = Bytes()
        rest.int32(-1)  // leader epoch
        rest.int8(2)  // magic
        rest.int32(0x0BAD_BAD0)  // checksum
        rest.int16(0)  // attributes
        rest.int32(2)  // last offset delta
        rest.int64(1_700_000_000_000)
        rest.int64(1_700_000_000_000)
        rest.int64(-1)  // producer id
        rest.int16(-1)
        rest.int32(-1)
        rest.int32(Int32(deltas.count))  // records
        for delta in deltas {
            // length 7, attributes, time and offset delta, no key, value of one byte, no headers; zigzag varints
            rest.raw([14, 0, 0, delta * 2, 1, 2, 0x78, 0])
        }
        batch.int32(Int32(rest.bytes.count))
        batch.raw(rest.bytes)

        var request = Bytes()
        request.int16(0)  // Produce
        request.int16(3)
        request.int32(1)  // correlation
        request.string("raw")
        request.int16(-1)  // no transaction
        request.int16(1)  // acks
        request.int32(5_000)
        request.int32(1)
        request.string(topic)
        request.int32(1)
        request.int32(0)
        request.int32(Int32(batch.bytes.count))
        request.raw(batch.bytes)

        var framed = Bytes()
        framed.int32(Int32(request.bytes.count))
        framed.raw(request.bytes)
        try exchange(framed.bytes, with: broker)
    }

    /// Sends and waits for the head of the answer, which comes once the batch is stored.
    private static func exchange(_ bytes: [UInt8], with broker: String) throws {
        guard let port = broker.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw SocketError(step: "port of \(broker)", code: 0)
        }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw SocketError(step: "connect", code: errno) }
        guard send(descriptor, bytes, bytes.count, 0) == bytes.count else { throw SocketError(step: "send", code: errno) }
        var answer = [UInt8](repeating: 0, count: 4)
        guard recv(descriptor, &answer, 4, Int32(MSG_WAITALL)) == 4 else {
            throw SocketError(step: "receive", code: errno)
        }
    }

    private struct Bytes {
        var bytes: [UInt8] = []
        mutating func raw(_ more: [UInt8]) { bytes += more }
        mutating func int8(_ value: Int8) { bytes.append(UInt8(bitPattern: value)) }
        mutating func int16(_ value: Int16) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        mutating func int32(_ value: Int32) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        mutating func int64(_ value: Int64) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        mutating func string(_ value: String) {
            int16(Int16(value.utf8.count))
            bytes += Array(value.utf8)
        }
    }
}
