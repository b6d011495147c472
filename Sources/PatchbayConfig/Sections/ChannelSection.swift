import PatchbayAPI

/// One channel that a route names.
public struct ChannelSettings: Sendable, Equatable {
    public let name: String
    /// Messages a slow client may fall behind, 1…1,000,000.
    public let buffer: Int
    /// For people; `nil` when the file has none.
    public let description: String?
    /// Keys whose values came out of secret files and must not be shown.
    package let secrets: Set<String>

    package init(name: String, buffer: Int, description: String?, secrets: Set<String> = []) {
        self.name = name
        self.buffer = buffer
        self.description = description
        self.secrets = secrets
    }
}

extension ChannelSettings {
    static let buffers: ClosedRange<Int64> = 1...1_000_000

    /// Keys of one entry of `channels`.
    package static let fields: [Field] = [
        Field(
            "buffer", .integer(buffers), unit: "messages",
            documentation: """
                How many messages a slow client may fall behind on this channel before the oldest are dropped for it; for a \
                template, on each channel it makes. `defaults.buffer` when left out.
                """,
            example: "buffer: 500"),
        Field(
            "description", .string(),
            documentation: "What clients find in the channel, described for people.",
            example: "description: Everything the trading dashboard shows"),
    ]
}
