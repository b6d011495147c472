import PatchbayAPI
import PatchbayDelivery
import PatchbayJSON

/// The messages that every Patchbay knows, whatever its routes: requests and what is not a record.
struct ControlKinds {
    let routes: DocumentedRoutes

    /// The channel that examples speak of.
    private var channel: String {
        (routes.channels.first { !$0.isTemplate } ?? routes.channels.first).map { ChannelNames([$0.name]).example } ?? "news"
    }

    private var names: String { routes.channels.map { "`\($0.name)`" }.joined(separator: ", ") }

    private static let id: JSONTree = [
        "type": ["string", "number"], "description": "Anything; the answer's `data` repeats it.",
    ]

    // MARK: From clients

    var requests: [MessageKind] {
        ClientRequests.all.map { request($0.type, withChannel: $0.document.needsChannel, $0.document.summary) }
    }

    private func request(_ type: String, withChannel: Bool, _ summary: String) -> MessageKind {
        var properties: [(String, JSONTree)] = [
            ("type", ["type": "string", "const": .string(type), "description": "What the client asks for."])
        ]
        var example: JSONTree = ["type": .string(type)]
        if withChannel {
            let list = names.isEmpty ? "" : " Currently: \(names)."
            properties.append(
                (
                    "channel",
                    [
                        "type": "string", "minLength": 1,
                        "description": .string(
                            "A channel's name, or one that a template can make: at most \(ChannelName.maximumBytes) bytes, no pattern.\(list)"
                        ),
                    ]
                ))
            example = example.with("channel", .string(channel))
        } else {
            // The server takes it without a word, as it does for the others.
            properties.append(("channel", ["description": "Has no effect here."]))
        }
        properties.append(("id", Self.id))
        let schema: JSONTree = [
            "title": .string(type), "description": .string(summary), "type": "object",
            "properties": .members(properties), "required": withChannel ? ["type", "channel"] : ["type"],
            "additionalProperties": false,
        ]
        return MessageKind(
            key: "request-\(type)", type: type, direction: .toServer, summary: summary, schema: schema,
            examples: [
                .init(title: "Plain", message: example),
                .init(title: "With an id", message: example.with("id", 7)),
            ])
    }

    // MARK: To clients

    var answers: [MessageKind] {
        [confirmation, error, pong, gap, channelClosed, serverShutdown]
    }

    private var confirmation: MessageKind {
        answer(
            "subscription_confirmed", onChannel: true, "Answers `subscribe` and `unsubscribe`.",
            properties: [
                (
                    "status",
                    [
                        "type": "string", "enum": ["subscribed", "unsubscribed"],
                        "description": "Whether messages of the channel arrive from now on.",
                    ]
                ), ("channel", ["type": "string", "description": "The channel that the request named."]),
                (
                    "connection",
                    [
                        "type": "string", "pattern": "^[0-9a-f]{16}$",
                        "description": "Identifies this connection in the server's log and in `slow` of `/health`.",
                    ]
                ),
            ], required: ["status", "channel", "connection"], canHaveID: true,
            examples: [("Subscribed", ["status": "subscribed", "channel": .string(channel), "connection": "0f1e2d3c4b5a6978"])])
    }

    private var error: MessageKind {
        let table = ErrorCode.messages.map { "`\($0.code)`: \($0.meaning)" }.joined(separator: " ")
        return answer(
            "error", onChannel: nil, "A request was refused. It changed nothing, and the connection stays open.",
            properties: [
                ("error", ["type": "string", "description": "A sentence for people."]),
                (
                    "code",
                    [
                        "type": "string", "enum": .strings(ErrorCode.messages.map(\.code)),
                        "description": .string("A code for programs. \(table)"),
                    ]
                ),
            ], required: ["error", "code"], canHaveID: true,
            examples: [
                (
                    "Unknown type",
                    [
                        "error": "type is \"subscrib\", but must be subscribe, unsubscribe or ping",
                        "code": "unknown_type",
                    ]
                )
            ])
    }

    private var pong: MessageKind {
        answer(
            "pong", onChannel: false, "Answers `ping`.", properties: [], required: [], canHaveID: true,
            examples: [("Plain", [:]), ("With the request's id", ["id": 7])])
    }

    private var gap: MessageKind {
        answer(
            "gap", onChannel: true,
            "Messages of the channel were dropped for this client. Comes right before the next message.",
            properties: [
                (
                    "dropped",
                    [
                        "type": "integer", "minimum": 1,
                        "description": "How many messages this client does not get, in messages.",
                    ]
                ),
                (
                    "reason",
                    [
                        "type": "string",
                        "description": .string(
                            "`slow_consumer`: the client fell more than the channel's buffer behind; `overrun`: the server "
                                + "could not keep up; `channel_closed`: the messages of a removed channel that a slow client had "
                                + "not received; `server_shutdown`: the messages that could not be sent to a slow client "
                                + "before the server stopped."),
                    ]
                ),
            ], required: ["dropped", "reason"],
            examples: [("A slow client", ["dropped": 12, "reason": "slow_consumer"])])
    }

    private var channelClosed: MessageKind {
        answer(
            "channel_closed", onChannel: true, "The channel was removed; the subscription is over.",
            properties: [("reason", ["type": "string", "description": "A sentence for people."])], required: ["reason"],
            examples: [("After a reload", ["reason": "the channel was removed from the configuration"])])
    }

    private var serverShutdown: MessageKind {
        answer(
            "server_shutdown", onChannel: false, "The server is about to close the connection.",
            properties: [
                (
                    "reconnect_after_ms",
                    [
                        "type": "integer", "minimum": 0,
                        "description": "When to connect again, in milliseconds from now. Each client gets a time of its own.",
                    ]
                )
            ], required: ["reconnect_after_ms"],
            examples: [("A restart", ["reconnect_after_ms": 2500])])
    }

    /// - Parameter onChannel: whether the envelope names a channel; `nil` when it may.
    private func answer(
        _ type: String, onChannel: Bool?, _ summary: String, properties: [(String, JSONTree)], required: [String],
        canHaveID: Bool = false, examples: [(String, JSONTree)]
    ) -> MessageKind {
        let channelSchema: JSONTree =
            switch onChannel {
            case true: ["type": "string", "minLength": 1, "description": "The channel that the message is about."]
            case false: ["type": "string", "const": "", "description": "Empty: the message belongs to no channel."]
            default: ["type": "string", "description": "Empty, unless the request named a channel that can't be subscribed to."]
            }
        var data: JSONTree = ["type": "object"]
        let all = canHaveID ? properties + [("id", ["type": ["string", "number"], "description": "The request's."])] : properties
        data = data.with("properties", all.isEmpty ? nil : .members(all))
        data = data.with("required", required.isEmpty ? nil : .strings(required))
        return MessageKind(
            key: "message-\(type)", type: type, direction: .toClient, summary: summary,
            schema: MessageKind.envelopeSchema(type: type, description: summary, channel: channelSchema, data: data),
            examples: examples.map { title, data in
                .init(
                    title: title,
                    message: MessageKind.envelope(type: type, channel: onChannel == true ? channel : "", data: data))
            })
    }
}
