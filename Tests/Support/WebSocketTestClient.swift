import Foundation

/// A WebSocket client for tests, independent of the server's code: frames are made and read here, byte by byte.
public final class WebSocketTestClient: Sendable {
    public let socket: TestSocket

    /// A frame as it came.
    public struct Frame: Sendable, Equatable {
        public var isFinal: Bool
        public var opcode: UInt8
        public var payload: [UInt8]
        public var text: String { String(decoding: payload, as: UTF8.self) }
        /// The code of a close frame.
        public var closeCode: Int? {
            opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil
        }
        /// The reason of a close frame.
        public var closeReason: String { String(decoding: payload.dropFirst(2), as: UTF8.self) }
    }

    /// A text message that is an envelope.
    public struct Envelope: Sendable, Equatable {
        public var type: String
        public var channel: String
        /// The data as JSON text with sorted keys.
        public var data: String
        public var timestamp: String
        /// The message as it came.
        public var text: String
    }

    public init(socket: TestSocket) { self.socket = socket }

    /// Connects and upgrades.
    public convenience init(
        port: Int, path: String = "/ws", headers: [String: String] = [:], receiveBuffer: Int32? = nil
    ) async throws {
        self.init(socket: try TestSocket(port: port, receiveBuffer: receiveBuffer))
        let response = try await upgrade(path: path, headers: headers)
        guard response.hasPrefix("HTTP/1.1 101 ") else { throw SocketFailure(description: "no upgrade: \(response)") }
    }

    /// Sends the handshake and returns the answer's head.
    public func upgrade(path: String = "/ws", headers: [String: String] = [:]) async throws -> String {
        try await socket.send(Self.handshake(path: path, headers: headers))
        return try await socket.receive(through: "\r\n\r\n")
    }

    /// The request of RFC 6455, section 1.2, with its well-known key.
    public static func handshake(path: String = "/ws", headers: [String: String] = [:]) -> String {
        var all = [
            "Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
        ]
        all.merge(headers) { $1 }
        return "GET \(path) HTTP/1.1\r\n" + all.map { "\($0): \($1)\r\n" }.sorted().joined() + "\r\n"
    }

    // MARK: Sending

    /// The bytes of one client frame.
    public static func frame(
        opcode: UInt8 = 1, isFinal: Bool = true, reserved: UInt8 = 0, isMasked: Bool = true, payload: [UInt8]
    ) -> [UInt8] {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let maskBit: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case 0..<126: bytes.append(maskBit | UInt8(payload.count))
        case 126...0xFFFF: bytes += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            bytes.append(maskBit | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> ((7 - $0) * 8)) }
        }
        guard isMasked else { return bytes + payload }
        let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        bytes += mask
        bytes.reserveCapacity(bytes.count + payload.count)
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index & 3]) }
        return bytes
    }

    public func send(_ text: String) async throws { try await socket.send(Self.frame(payload: Array(text.utf8))) }

    public func sendFrame(
        opcode: UInt8 = 1, isFinal: Bool = true, reserved: UInt8 = 0, isMasked: Bool = true, payload: [UInt8] = []
    ) async throws {
        try await socket.send(
            Self.frame(opcode: opcode, isFinal: isFinal, reserved: reserved, isMasked: isMasked, payload: payload))
    }

    public func sendClose(_ code: Int) async throws {
        try await sendFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)])
    }

    // MARK: Receiving

    /// The next frame, whatever it is.
    public func receiveFrame(timeout: Duration = .seconds(60)) async throws -> Frame {
        let head = try await socket.receive(2, timeout: timeout)
        var length = Int(head[1] & 0x7F)
        if length >= 126 {
            let bytes = try await socket.receive(length == 126 ? 2 : 8, timeout: timeout)
            length = bytes.reduce(0) { $0 << 8 | Int($1) }
        }
        guard head[1] & 0x80 == 0 else { throw SocketFailure(description: "the server masked a frame") }
        let payload = try await socket.receive(length, timeout: timeout)
        return Frame(isFinal: head[0] & 0x80 != 0, opcode: head[0] & 0x0F, payload: payload)
    }

    /// The next text message as an envelope; answers pings on the way.
    public func receive(timeout: Duration = .seconds(60)) async throws -> Envelope {
        while true {
            let frame = try await receiveFrame(timeout: timeout)
            switch frame.opcode {
            case 1: return try Self.envelope(frame.text)
            case 9: try await sendFrame(opcode: 10, payload: frame.payload)
            default:
                throw SocketFailure(
                    description: "expected a message, got opcode \(frame.opcode) \(frame.closeCode ?? 0) \(frame.closeReason)")
            }
        }
    }

    /// The close frame, after discarding messages; then the end of the stream.
    public func receiveClose(timeout: Duration = .seconds(60)) async throws -> Frame {
        while true {
            let frame = try await receiveFrame(timeout: timeout)
            if frame.opcode == 8 { return frame }
        }
    }

    /// Subscribes and awaits the confirmation.
    public func subscribe(_ channel: String) async throws {
        try await send("{\"type\":\"subscribe\",\"channel\":\"\(channel)\"}")
        let answer = try await receive()
        guard answer.type == "subscription_confirmed" else {
            throw SocketFailure(description: "no confirmation: \(answer.text)")
        }
    }

    public static func envelope(_ text: String) throws -> Envelope {
        guard let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
            // A deletion has two more.
            Set(object.keys) == Set(["type", "channel", "data", "timestamp"] + (object["deleted"] == nil ? [] : ["deleted", "key"])),
            let type = object["type"] as? String, let channel = object["channel"] as? String,
            let timestamp = object["timestamp"] as? String, let data = object["data"]
        else { throw SocketFailure(description: "not an envelope: \(text)") }
        let json = try JSONSerialization.data(
            withJSONObject: data, options: [.sortedKeys, .fragmentsAllowed, .withoutEscapingSlashes])
        return Envelope(
            type: type, channel: channel, data: String(decoding: json, as: UTF8.self), timestamp: timestamp, text: text)
    }
}
