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
    ///
    /// - Parameter deletes: whether it may say that something was deleted, instead.
    static func envelopeSchema(
        type: String, description: String, channel: JSONTree, data: JSONTree, deletes: Bool = false
    ) -> JSONTree {
        let time: JSONTree = [
            "type": "string", "format": "date-time",
            "description": "When the router made the message: ISO 8601, UTC, with milliseconds.",
        ]
        var properties: [(String, JSONTree)] = [
            ("type", ["type": "string", "const": .string(type), "description": "What kind of message it is."]),
            ("channel", channel),
        ]
        if deletes {
            let deleted: JSONTree = [
                "type": "boolean", "const": true,
                "description": "Only in a message that says that something was deleted: `data` is null then, and `key` says what.",
            ]
            let key: JSONTree = ["type": "string", "description": "Only with `deleted`: the key of the deleted record, as text."]
            properties += [("data", ["anyOf": [data, ["type": "null"]]]), ("deleted", deleted), ("key", key)]
        } else {
            properties.append(("data", data))
        }
        properties.append(("timestamp", time))
        let schema: JSONTree = [
            "title": .string(type),
            "description": .string(description),
            "type": "object",
            "properties": .members(properties),
            "required": ["type", "channel", "data", "timestamp"],
        ]
        // Both drafts that the documents use know these three words.
        guard deletes else { return schema }
        return schema.with("if", ["required": ["deleted"]])
            .with("then", ["properties": ["data": ["type": "null"]], "required": ["key"]])
            .with("else", ["properties": ["data": data, "key": false]])
    }

    static func envelope(type: String, channel: String, data: JSONTree) -> JSONTree {
        ["type": .string(type), "channel": .string(channel), "data": data, "timestamp": "2026-01-31T12:00:00.000Z"]
    }

    /// A message that says that something was deleted.
    static func deletion(type: String, channel: String, key: String) -> JSONTree {
        [
            "type": .string(type), "channel": .string(channel), "data": .null, "deleted": true, "key": .string(key),
            "timestamp": "2026-01-31T12:00:00.000Z",
        ]
    }
}

/// What the routes of one type send.
private struct RoutedKind {
    var type: String
    var routes: [DocumentedRoutes.Message]

    func kind(key: String) -> MessageKind {
        let schema = MessageKind.envelopeSchema(
            type: type, description: summary, channel: ChannelNames(channels).schema, data: data,
            deletes: routes.contains(where: \.deletes))
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
            + (routes.contains(where: \.deletes) ? " Or the news that something was deleted: `deleted` is true then." : "")
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
        routedExamples
            + routes.filter(\.deletes).prefix(1).map { route in
                let channel = route.channels.first.map { ChannelNames([$0]).example } ?? ""
                return .init(
                    title: "A deletion of route \(route.route)",
                    message: MessageKind.deletion(type: type, channel: channel, key: "7"))
            }
    }

    private var routedExamples: [MessageKind.Example] {
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
