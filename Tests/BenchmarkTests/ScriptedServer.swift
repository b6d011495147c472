import CLoad
import Glibc

/// A WebSocket peer that says exactly what a test wants, in pieces of the size a test wants.
///
/// It needs no thread: the clients under test have their own, and the kernel completes their connects.
final class ScriptedServer {
    enum Failure: Error { case socket(String) }

    /// What RFC 6455, section 1.3, answers to the key that the clients send.
    static let accepted =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

    let port: UInt16
    private let listener: Int32
    private(set) var connections: [Int32] = []

    init() throws {
        port = cload_free_port()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard isBound == 0, listen(listener, 64) == 0 else { throw Failure.socket("bind") }
    }

    deinit {
        for connection in connections { close(connection) }
        close(listener)
    }

    /// Accepts `count` connections and answers their upgrades; confirms their subscriptions when the answer is positive.
    func welcome(_ count: Int, answer: String = accepted, pieces: Int = .max) throws {
        for _ in 0..<count {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { throw Failure.socket("accept") }
            connections.append(connection)
            try receive(connection) { $0.suffix(4) == Array("\r\n\r\n".utf8) }
            try write(connection, Array(answer.utf8), pieces: pieces)
            guard answer == Self.accepted else { continue }
            // Masked, short: two bytes of header, four of mask.
            try receive(connection) { $0.count >= 6 && $0.count == 6 + Int($0[1] & 0x7f) }
            let text = #"{"type":"subscription_confirmed","channel":"dashboard","data":{"status":"subscribed"}}"#
            try write(connection, Frame.text(text), pieces: pieces)
        }
    }

    /// Sends to one connection, in the order of accepting, or to all.
    func send(_ frames: [[UInt8]], to index: Int? = nil, pieces: Int = .max) throws {
        for (position, connection) in connections.enumerated() where index == nil || index == position {
            try write(connection, Array(frames.joined()), pieces: pieces)
        }
    }

    private func write(_ connection: Int32, _ bytes: [UInt8], pieces: Int) throws {
        var on: Int32 = 1
        setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            let sent = piece.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { throw Failure.socket("send") }
            rest = rest.dropFirst(sent)
        }
    }

    private func receive(_ connection: Int32, until isWhole: ([UInt8]) -> Bool) throws {
        var all: [UInt8] = []
        while !isWhole(all) {
            var byte: UInt8 = 0
            guard recv(connection, &byte, 1, 0) == 1 else { throw Failure.socket("recv") }
            all.append(byte)
        }
    }
}

/// Frames as servers send them.
enum Frame {
    static func make(opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        if count < 126 { return [0x80 | opcode, UInt8(count)] + payload }
        if count < 65_536 { return [0x80 | opcode, 126, UInt8(count >> 8), UInt8(count & 255)] + payload }
        return [0x80 | opcode, 127] + (0..<8).map { UInt8(count >> (56 - 8 * $0) & 255) } + payload
    }

    static func text(_ text: String) -> [UInt8] { make(opcode: 1, Array(text.utf8)) }

    /// What the router makes of a record of the producer.
    static func trade(_ sequence: UInt64, due: UInt64 = cload_now()) -> [UInt8] {
        var value = [CChar](repeating: 0, count: Int(cload_kafka_value_bytes()))
        cload_kafka_value(sequence, due, &value, UInt32(value.count))
        let data = String(decoding: value.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text(
            #"{"type":"trade_data","channel":"dashboard","data":"# + data + #","timestamp":"2024-01-01T12:00:00.000Z"}"#)
    }

    static func gap(_ dropped: Int) -> [UInt8] {
        text(
            #"{"type":"gap","channel":"dashboard","data":{"dropped":"# + "\(dropped)"
                + #","reason":"slow_consumer"},"timestamp":"2024-01-01T12:00:00.000Z"}"#)
    }

    static let ping = make(opcode: 9, [1, 2, 3, 4])
}
