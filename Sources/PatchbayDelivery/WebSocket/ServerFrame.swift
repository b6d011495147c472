import NIOCore
import PatchbayCore

/// Frames of the server that are built one by one, because they are rare: control frames (RFC 6455, section 5.5) and messages
/// that are no records.
enum ServerFrame {
    static func close(code: UInt16, reason: String) -> ByteBuffer {
        // A control frame carries at most 125 bytes, 2 of them the code; a reason must stay whole UTF-8.
        var text = reason
        while text.utf8.count > 123 { text.removeLast() }
        var payload = ByteBuffer()
        payload.writeInteger(code)
        payload.writeString(text)
        return frame(opcode: 0x8, payload: payload)
    }

    static func emptyClose() -> ByteBuffer { frame(opcode: 0x8, payload: ByteBuffer()) }

    static func ping() -> ByteBuffer { frame(opcode: 0x9, payload: ByteBuffer()) }

    static func pong(_ payload: ByteBuffer) -> ByteBuffer { frame(opcode: 0xA, payload: payload) }

    static func message(_ payload: ByteBuffer, isText: Bool) -> ByteBuffer {
        frame(opcode: isText ? 0x1 : 0x2, payload: payload)
    }

    static func text(_ text: String) -> ByteBuffer { message(ByteBuffer(string: text), isText: true) }

    private static func frame(opcode: UInt8, payload: ByteBuffer) -> ByteBuffer {
        let size = payload.readableBytes
        var buffer = ByteBufferAllocator().buffer(capacity: size + FrameHeader.size(payloadSize: size))
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: FrameHeader.maximumSize) { space in
            space.baseAddress.map { FrameHeader.write(firstByte: 0x80 | opcode, payloadSize: size, to: $0) } ?? 0
        }
        buffer.writeImmutableBuffer(payload)
        return buffer
    }
}
