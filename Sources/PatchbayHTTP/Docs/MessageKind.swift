import PatchbayAPI
import PatchbayDelivery
import PatchbayJSON

/// One kind of message of the WebSocket protocol, as both documents describe it.
struct MessageKind {
    enum Direction { case toServer, toClient }

    /// Its name among the documents' components: letters, digits, `_` and `-`.
    var key: String
    var type: String
    var direction: Direction
    var summary: String
    /// JSON Schema of the whole message.
    var schema: JSONTree
    var examples: [Example]

    struct Example {
        var title: String
        var message: JSONTree
    }

    /// Everything that clients and the server say to each other while these routes are in force.
    static func all(_ routes: DocumentedRoutes) -> [MessageKind] {
        let controls = ControlKinds(routes: routes)
        var kinds = controls.requests + controls.answers
        var keys = Set(kinds.map(\.key))
        for (type, messages) in routes.types {
            kinds.append(RoutedKind(type: type, routes: messages).kind(key: freeKey(for: type, in: &keys)))
        }
        return kinds
    }

    /// Types are chosen by operators and may be any text; two may look alike once they are written as keys.
    private static func freeKey(for type: String, in keys: inout Set<String>) -> String {
        let allowed = type.unicodeScalars.map { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", "-": String(scalar)
            default: "_"
            }
        }
        let base = "message-" + allowed.joined()
        var key = base
        var number = 2
        while !keys.insert(key).inserted {
            key = "\(base)_\(number)"
            number += 1
        }
        return key
    }

    /// The schema of a message of the server.
    static func envelopeSchema(type: String, description: String, channel: JSONTree, data: JSONTree) -> JSONTree {
        [
            "title": .string(type),
            "description": .string(description),
            "type": "object",
            "properties": [
                "type": ["type": "string", "const": .string(type), "description": "What kind of message it is."],
                "channel": channel,
                "data": data,
                "timestamp": [
                    "type": "string", "format": "date-time",
                    "description": "When the router made the message: ISO 8601, UTC, with milliseconds.",
                ],
            ],
            "required": ["type", "channel", "data", "timestamp"],
        ]
    }

    static func envelope(type: String, channel: String, data: JSONTree) -> JSONTree {
        ["type": .string(type), "channel": .string(channel), "data": data, "timestamp": "2026-01-31T12:00:00.000Z"]
    }
}

/// What the routes of one type send.
private struct RoutedKind {
    var type: String
    var routes: [DocumentedRoutes.Message]

    func kind(key: String) -> MessageKind {
        let schema = MessageKind.envelopeSchema(
            type: type, description: summary, channel: ChannelNames(channels).schema, data: data)
        return MessageKind(
            key: key, type: type, direction: .toClient, summary: summary, schema: schema, examples: examples)
    }

    private var channels: [String] {
        var seen: Set<ByteString> = []
        return routes.flatMap(\.channels).filter { seen.insert(ByteString($0)).inserted }
    }

    private var summary: String {
        let names = routes.map { "`\($0.route)` (\($0.transformers.joined(separator: " → ")))" }
        return "A record of \(names.count > 1 ? "the routes" : "the route") \(names.joined(separator: ", ")), "
            + "on \(channels.map { "`\($0)`" }.joined(separator: ", "))."
    }

    /// The schema of `data`. One route that may send anything makes it anything.
    private var data: JSONTree {
        var schemas: [JSONTree] = []
        for route in routes {
            guard let schema = route.schema.flatMap(JSONTree.init(validating:)) else { return Self.anything }
            if !schemas.contains(schema) { schemas.append(schema) }
        }
        return schemas.count == 1 ? schemas[0] : ["anyOf": .array(schemas)]
    }

    private static let anything: JSONTree = ["description": "Any JSON: the route's transformers declare nothing more precise."]

    private var examples: [MessageKind.Example] {
        let known = routes.compactMap { route -> MessageKind.Example? in
            guard let data = route.example.flatMap(JSONTree.init(validating:)) else { return nil }
            return example(of: route, data: data)
        }
        guard known.isEmpty, let route = routes.first else { return known }
        // Without a schema anything is an example.
        guard data != Self.anything else { return [example(of: route, data: [:])] }
        let made = routes.lazy.compactMap(\.schema).compactMap(SchemaExample.text).compactMap(JSONTree.init(validating:)).first
        return made.map { [example(of: route, data: $0)] } ?? []
    }

    private func example(of route: DocumentedRoutes.Message, data: JSONTree) -> MessageKind.Example {
        let channel = route.exampleChannel ?? route.channels.first.map { ChannelNames([$0]).example } ?? ""
        return .init(
            title: "Of route \(route.route)",
            message: MessageKind.envelope(type: type, channel: channel, data: data))
    }
}
