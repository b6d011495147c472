import NIOCore
import PatchbaySettings

/// What a client sent.
enum ClientEvent: Equatable {
    case text(ByteBuffer)
    case binary(ByteBuffer)
    case ping(ByteBuffer)
    case pong
    /// A frame of a message without payload that is not the message's last: legal, and of no use.
    case emptyFragment
    /// The client's close frame, `nil` when it names no code. Nothing is parsed after it.
    case close(UInt16?)
    /// The client broke the protocol or a limit. Nothing is parsed after it.
    case violation(CloseCode, detail: String)
}

/// Turns the bytes of a client into messages (RFC 6455, section 5): unmasks, joins fragments, checks UTF-8 as it
/// arrives. No I/O: bytes in, events out. Holds no buffer while no message is under way.
///
/// Thread: loop.
struct FrameParser {
    private enum Phase {
        case header
        case payload
        case finished
    }

    private let maxMessage: Int
    private let maxFrame: Int
    private let acceptsBinary: Bool

    private var phase = Phase.header
    // A client's header takes up to 14 bytes: 2, 8 for the length, 4 for the mask.
    private var header: (UInt64, UInt64) = (0, 0)
    private var headerCount = 0

    private var opcode: UInt8 = 0
    private var isFinal = false
    private var mask: UInt32 = 0
    private var maskShift: UInt32 = 0
    private var remaining = 0
    /// The data frame under way has no payload.
    private var isEmpty = false
    /// Bytes of payload so far, of frames of any kind; wraps around.
    private(set) var payloadBytes: UInt64 = 0

    /// The message under way: its opcode (1 or 2), 0 when there is none.
    private var messageOpcode: UInt8 = 0
    private var message: ByteBuffer?
    private var control: ByteBuffer?
    private var utf8 = UTF8Validator()

    /// - Parameters:
    ///   - settings: messages and frames larger than it says are refused with 1009 as soon as a header announces them.
    ///   - acceptsBinary: whether binary messages are refused with 1003.
    init(_ settings: ServerSettings, acceptsBinary: Bool) {
        maxMessage = settings.maxMessage
        maxFrame = settings.maxFrame > 0 ? settings.maxFrame : settings.maxMessage
        self.acceptsBinary = acceptsBinary
    }

    /// Whether it stands where a new one does: nothing that came before matters to what comes next.
    var isBetweenMessages: Bool { phase == .header && headerCount == 0 && messageOpcode == 0 }

    /// The next event in `input`, or `nil` when more bytes are needed. Consumes what it has looked at.
    mutating func next(_ input: inout ByteBuffer) -> ClientEvent? {
        while true {
            switch phase {
            case .finished:
                input.moveReaderIndex(to: input.writerIndex)
                return nil
            case .header:
                guard let isComplete = readHeader(&input) else { return nil }
                if let violation = isComplete ? acceptHeader() : nil { return finish(violation) }
                if isComplete { phase = .payload }
            case .payload:
                if let event = readPayload(&input) { return event }
                if phase == .payload { return nil }
            }
        }
    }

    // MARK: Header

    /// `nil` when `input` is exhausted, else whether the header is complete.
    private mutating func readHeader(_ input: inout ByteBuffer) -> Bool? {
        guard let byte = input.readInteger(as: UInt8.self) else { return nil }
        withUnsafeMutableBytes(of: &header) { $0[headerCount] = byte }
        headerCount += 1
        guard headerCount >= 2 else { return false }
        return headerCount == headerSize
    }

    private func headerByte(_ index: Int) -> UInt8 { withUnsafeBytes(of: header) { $0[index] } }

    private var headerSize: Int {
        let lengthSize =
            switch headerByte(1) & 0x7F {
            case 126: 2
            case 127: 8
            default: 0
            }
        // An unmasked frame is refused, so there is no mask to wait for.
        return 2 + lengthSize + (headerByte(1) & 0x80 != 0 ? 4 : 0)
    }

    /// Checks a complete header and sets up for its payload; returns what is wrong with it.
    private mutating func acceptHeader() -> ClientEvent? {
        defer { headerCount = 0 }
        let first = headerByte(0)
        opcode = first & 0x0F
        isFinal = first & 0x80 != 0
        guard first & 0x70 == 0 else { return .violation(.protocolError, detail: "reserved bits are set") }
        guard headerByte(1) & 0x80 != 0 else {
            return .violation(.protocolError, detail: "client frames must be masked")
        }
        var length = UInt64(headerByte(1) & 0x7F)
        let short = length
        if short >= 126 {
            length = 0
            for index in 2..<(short == 126 ? 4 : 10) { length = length << 8 | UInt64(headerByte(index)) }
            guard length <= UInt64(Int64.max), length > (short == 126 ? 125 : 0xFFFF) else {
                return .violation(.protocolError, detail: "frame length is not encoded as RFC 6455 requires")
            }
        }
        mask = withUnsafeBytes(of: header) { $0.loadUnaligned(fromByteOffset: headerSize - 4, as: UInt32.self) }
        maskShift = 0

        switch opcode {
        case 0x0:
            guard messageOpcode != 0 else {
                return .violation(.protocolError, detail: "continuation frame without a message to continue")
            }
        case 0x1, 0x2:
            guard messageOpcode == 0 else {
                return .violation(.protocolError, detail: "new message inside a fragmented one")
            }
            guard opcode == 0x1 || acceptsBinary else {
                return .violation(.unsupportedData, detail: CloseCode.unsupportedData.reason)
            }
            messageOpcode = opcode
            utf8 = UTF8Validator()
        case 0x8, 0x9, 0xA:
            guard isFinal else { return .violation(.protocolError, detail: "control frames can't be fragmented") }
            guard length <= 125 else {
                return .violation(.protocolError, detail: "control frames carry at most 125 bytes")
            }
        default:
            return .violation(.protocolError, detail: "unknown opcode \(opcode)")
        }
        if opcode < 0x8 {
            guard length <= UInt64(maxFrame) || maxFrame >= maxMessage else {
                return .violation(.messageTooBig, detail: "frame is over \(maxFrame) bytes")
            }
            let total = UInt64(message?.readableBytes ?? 0) + length
            guard total <= UInt64(maxMessage) else {
                return .violation(
                    .messageTooBig, detail: "message is over \(maxMessage) bytes")
            }
        }
        remaining = Int(length)
        isEmpty = length == 0
        return nil
    }

    // MARK: Payload

    private mutating func readPayload(_ input: inout ByteBuffer) -> ClientEvent? {
        let isControl = opcode >= 0x8
        let count = min(remaining, input.readableBytes)
        if count > 0 {
            var buffer = (isControl ? control.take() : message.take()) ?? ByteBuffer()
            let start = buffer.writerIndex
            Self.unmask(&input, count: count, mask: mask.rotatedRight(by: maskShift), into: &buffer)
            maskShift = (maskShift + UInt32(count & 3) * 8) % 32
            remaining -= count
            payloadBytes &+= UInt64(count)
            let isText =
                isControl || messageOpcode != 0x1
                || buffer.withUnsafeReadableBytes {
                    utf8.append(UnsafeRawBufferPointer(rebasing: $0[(start - buffer.readerIndex)...]))
                }
            if isControl { control = buffer } else { message = buffer }
            guard isText else { return finish(.violation(.invalidPayload, detail: CloseCode.invalidPayload.reason)) }
        }
        guard remaining == 0 else { return nil }
        phase = .header
        return isControl ? finishControl() : finishDataFrame()
    }

    private mutating func finishDataFrame() -> ClientEvent? {
        guard isFinal else { return isEmpty ? .emptyFragment : nil }
        defer { messageOpcode = 0 }
        let payload = message.take() ?? ByteBuffer()
        guard messageOpcode == 0x1 else { return .binary(payload) }
        guard utf8.isComplete else {
            return finish(.violation(.invalidPayload, detail: CloseCode.invalidPayload.reason))
        }
        return .text(payload)
    }

    private mutating func finishControl() -> ClientEvent? {
        var payload = control.take() ?? ByteBuffer()
        switch opcode {
        case 0x9: return .ping(payload)
        case 0xA: return .pong
        default: break
        }
        guard payload.readableBytes > 0 else { return finish(.close(nil)) }
        guard let code = payload.readInteger(as: UInt16.self), CloseCode.isValidFromPeer(code) else {
            return finish(.violation(.protocolError, detail: "close frame carries no valid code"))
        }
        var reason = UTF8Validator()
        guard payload.withUnsafeReadableBytes({ reason.append($0) }), reason.isComplete else {
            return finish(.violation(.invalidPayload, detail: "close reason is not valid UTF-8"))
        }
        return finish(.close(code))
    }

    private mutating func finish(_ event: ClientEvent) -> ClientEvent {
        phase = .finished
        message = nil
        control = nil
        return event
    }

    /// Appends `count` bytes of `input` to `output`, each XORed with its byte of the mask (RFC 6455, section 5.3).
    private static func unmask(_ input: inout ByteBuffer, count: Int, mask: UInt32, into output: inout ByteBuffer) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            input.readWithUnsafeReadableBytes { source in
                let wide = UInt64(mask) << 32 | UInt64(mask)
                var index = 0
                while index + 8 <= count {
                    let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
                    target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
                    index += 8
                }
                while index < count {
                    target[index] = source[index] ^ UInt8(truncatingIfNeeded: mask >> (UInt32(index & 3) * 8))
                    index += 1
                }
                return count
            }
            return count
        }
    }
}

extension UInt32 {
    /// Rotates towards the low bits; `count` in 0..<32.
    fileprivate func rotatedRight(by count: UInt32) -> UInt32 {
        count == 0 ? self : self >> count | self << (32 - count)
    }
}
