/// The header of an unmasked, unfragmented WebSocket frame from server to client (RFC 6455, section 5.2).
public enum FrameHeader {
    /// The most bytes a server frame header takes: 2, plus 8 for a 64-bit length.
    public static let maximumSize = 10

    /// FIN set, opcode 1: a complete text message.
    public static let textMessage: UInt8 = 0x81

    /// Writes the header for a payload of that many bytes and returns its size: 2, 4 or 10.
    ///
    /// - Parameter destination: at least `maximumSize` bytes.
    @inlinable
    public static func write(
        firstByte: UInt8 = textMessage, payloadSize: Int, to destination: UnsafeMutableRawPointer
    ) -> Int {
        destination.storeBytes(of: firstByte, as: UInt8.self)
        switch payloadSize {
        case 0..<126:
            destination.storeBytes(of: UInt8(payloadSize), toByteOffset: 1, as: UInt8.self)
            return 2
        case 126...0xFFFF:
            destination.storeBytes(of: 126, toByteOffset: 1, as: UInt8.self)
            destination.storeBytes(of: UInt16(payloadSize).bigEndian, toByteOffset: 2, as: UInt16.self)
            return 4
        default:
            destination.storeBytes(of: 127, toByteOffset: 1, as: UInt8.self)
            destination.storeBytes(of: UInt64(payloadSize).bigEndian, toByteOffset: 2, as: UInt64.self)
            return 10
        }
    }

    /// What a frame carries that `write` began.
    static func payload(of frame: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        // The second byte says how the length is written.
        let header =
            switch frame[1] {
            case 126: 4
            case 127: 10
            default: 2
            }
        return UnsafeRawBufferPointer(rebasing: frame[header...])
    }

    /// The size of the header for a payload of that many bytes.
    @inlinable
    public static func size(payloadSize: Int) -> Int {
        switch payloadSize {
        case 0..<126: 2
        case 126...0xFFFF: 4
        default: 10
        }
    }
}
