import PatchbayDelivery
import PatchbayJSON

/// The AsyncAPI 3.0 document: what clients and the server say to each other on the WebSocket
/// (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
struct AsyncAPIDocument {
    let routes: DocumentedRoutes
    let facts: DocumentContext

    var tree: JSONTree {
        let kinds = MessageKind.all(routes)
        return [
            "asyncapi": "3.0.0",
            "info": [
                "title": .string("\(routes.title) WebSocket"), "version": .string(routes.version),
                "description": .string(introduction),
            ],
            "defaultContentType": "application/json",
            "servers": ["this": server],
            "channels": ["ws": channel(kinds)],
            "operations": operations(kinds),
            "components": ["messages": .members(kinds.map { ($0.key, Self.message($0)) })],
        ]
    }

    private var server: JSONTree {
        let server: JSONTree = [
            "host": "{host}", "protocol": "ws", "description": "`wss` where a proxy terminates TLS.",
            "variables": ["host": ["default": .string("localhost:\(facts.shownPort)")]],
        ]
        return server.with("pathname", facts.prefix.isEmpty ? nil : .string(facts.prefix))
    }

    private var introduction: String {
        """
        JSON messages over one WebSocket. A client subscribes to any number of channels and gets their messages until it \
        unsubscribes. Built from the active routes.

        Once its subscription is confirmed, a client gets every message of the channel from then on, in order, without \
        duplicates; what a slow client misses is reported in a `gap` message.
        """
    }

    private func channel(_ kinds: [MessageKind]) -> JSONTree {
        let headers = HandshakeHeader.all
        return [
            "address": .string(facts.path), "title": "The WebSocket",
            "description": .string(
                "Text messages only, \(facts.exchangeRules) and closes after two silent intervals."),
            "servers": [["$ref": "#/servers/this"]],
            "messages": .members(kinds.map { ($0.key, ["$ref": .string("#/components/messages/\($0.key)")]) }),
            "bindings": [
                "ws": [
                    "method": "GET",
                    "headers": [
                        "type": "object", "properties": .members(headers.map { ($0.name, $0.schema) }),
                        "required": .strings(headers.filter(\.isRequired).map(\.name)),
                    ],
                    "bindingVersion": "0.1.0",
                ]
            ],
            "x-channels": .array(
                routes.channels.map { channel in
                    let start: JSONTree = ["name": .string(channel.name), "template": .bool(channel.isTemplate)]
                    return start.with("description", channel.description.map(JSONTree.string))
                        .with("types", .strings(routes.types(on: channel.name)))
                }),
            "x-close-codes": .array(
                CloseCode.all.map { ["code": .integer(Int64($0.number)), "meaning": .string($0.meaning)] }),
            "x-error-codes": .array(
                ErrorCode.messages.map { ["code": .string($0.code), "meaning": .string($0.meaning)] }),
        ]
    }

    /// In the words of AsyncAPI, this server is the application: it receives requests and sends messages.
    private func operations(_ kinds: [MessageKind]) -> JSONTree {
        let requests = kinds.filter { $0.direction == .toServer }
        let answers = Dictionary(uniqueKeysWithValues: ClientRequests.all.map { ($0.type, $0.document.answer) })
        let sent = kinds.filter { $0.direction == .toClient }
        var operations = requests.map { kind -> (String, JSONTree) in
            let replies = sent.filter { $0.type == answers[kind.type] || $0.type == "error" }
            return (
                kind.type,
                [
                    "action": "receive", "channel": ["$ref": "#/channels/ws"], "title": .string(kind.type),
                    "summary": .string(kind.summary), "messages": Self.references([kind]),
                    "reply": ["channel": ["$ref": "#/channels/ws"], "messages": Self.references(replies)],
                ]
            )
        }
        operations.append(
            (
                "deliver",
                [
                    "action": "send", "channel": ["$ref": "#/channels/ws"], "title": "deliver",
                    "summary": "Answers, records of subscribed channels, and notices from the server.",
                    "messages": Self.references(sent),
                ]
            ))
        return .members(operations)
    }

    private static func references(_ kinds: [MessageKind]) -> JSONTree {
        .array(kinds.map { ["$ref": .string("#/channels/ws/messages/\($0.key)")] })
    }

    private static func message(_ kind: MessageKind) -> JSONTree {
        let start: JSONTree = [
            "name": .string(kind.type), "title": .string(kind.type), "summary": .string(kind.summary),
            "contentType": "application/json", "payload": kind.schema,
        ]
        guard !kind.examples.isEmpty else { return start }
        return start.with(
            "examples",
            .array(
                kind.examples.map { example in
                    ["name": .string(example.title), "payload": example.message]
                }))
    }
}
