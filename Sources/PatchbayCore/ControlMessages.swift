import PatchbayAPI
public import NIOCore

/// Encodes envelopes that are not records: confirmations, errors, gaps. Off the hot path.
public enum ControlMessages {
    /// The text frame of one envelope.
    ///
    /// - Parameter data: one JSON value.
    public static func frame(
        type: String, channel: String?, data: String, timestampMilliseconds: Int64 = Timestamp.nowMilliseconds()
    ) -> ByteBuffer {
        frame(text: envelope(type: type, channel: channel, data: data, timestampMilliseconds: timestampMilliseconds))
    }

    /// The JSON text of one envelope: `type`, `channel`, `data`, `timestamp`, in this order.
    public static func envelope(
        type: String, channel: String?, data: String, timestampMilliseconds: Int64
    ) -> String {
        // An empty name rather than null: typed clients of the replaced service declare `channel` as a string.
        return "{\"type\":\(JSONLiteral.quoted(type)),\"channel\":\(JSONLiteral.quoted(channel ?? "")),\"data\":\(data),"
            + "\"timestamp\":\"\(Timestamp.text(timestampMilliseconds))\"}"
    }

    /// Says that messages of `channel` were dropped for this client; goes out right before the next message.
    public static func gap(channel: String, dropped: Int64, reason: String) -> ByteBuffer {
        frame(type: "gap", channel: channel, data: "{\"dropped\":\(dropped),\"reason\":\(JSONLiteral.quoted(reason))}")
    }

    private static func frame(text: String) -> ByteBuffer {
        let size = text.utf8.count
        var buffer = ByteBufferAllocator().buffer(capacity: size + FrameHeader.maximumSize)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: FrameHeader.maximumSize) { space in
            space.baseAddress.map { FrameHeader.write(payloadSize: size, to: $0) } ?? 0
        }
        buffer.writeString(text)
        return buffer
    }
}
