import PatchbayAPI

/// An envelope that is not a record: a confirmation, an error, a gap. A connection wraps its text as it wraps all others.
/// Off the hot path.
public struct ControlMessage: Sendable, Equatable {
    /// The envelope's `type`.
    public var type: String
    /// The channel that it is about; `nil` for one about the connection.
    public var channel: String?
    /// One JSON value.
    public var data: String
    /// Wall clock, milliseconds since 1970.
    public var timestampMilliseconds: Int64

    public init(
        type: String, channel: String?, data: String, timestampMilliseconds: Int64 = Timestamp.nowMilliseconds()
    ) {
        self.type = type
        self.channel = channel
        self.data = data
        self.timestampMilliseconds = timestampMilliseconds
    }

    /// The JSON text of the envelope: `type`, `channel`, `data`, `timestamp`, in this order.
    public var envelope: String {
        // An empty name rather than null: typed clients of the replaced service declare `channel` as a string.
        "{\"type\":\(JSONLiteral.quoted(type)),\"channel\":\(JSONLiteral.quoted(channel ?? "")),\"data\":\(data),"
            + "\"timestamp\":\"\(Timestamp.text(timestampMilliseconds))\"}"
    }

    /// Says that messages of `channel` were dropped for this client; goes out right before the next message.
    public static func gap(channel: String, dropped: Int64, reason: String) -> ControlMessage {
        ControlMessage(
            type: "gap", channel: channel, data: "{\"dropped\":\(dropped),\"reason\":\(JSONLiteral.quoted(reason))}")
    }

    /// Says that a subscription is over because its channel is.
    ///
    /// - Parameter reason: one sentence for the client.
    static func channelClosed(_ channel: String, reason: String) -> ControlMessage {
        ControlMessage(type: "channel_closed", channel: channel, data: "{\"reason\":\(JSONLiteral.quoted(reason))}")
    }

    /// Says that the server goes away, and when to come back.
    public static func serverShutdown(reconnectAfterMilliseconds time: Int64) -> ControlMessage {
        ControlMessage(type: "server_shutdown", channel: nil, data: "{\"reconnect_after_ms\":\(time)}")
    }
}
