import PatchbayDelivery
import PatchbayJSON

/// The OpenAPI 3.1 document: every HTTP endpoint, and the messages of the WebSocket protocol as schemas
/// (https://spec.openapis.org/oas/v3.1.1).
struct OpenAPIDocument {
    let routes: DocumentedRoutes
    let facts: DocumentContext

    var tree: JSONTree {
        [
            "openapi": "3.1.0",
            "info": [
                "title": .string(routes.title), "version": .string(routes.version),
                "summary": "Routes Kafka records to WebSocket clients.", "description": .string(introduction),
                "license": ["name": "Apache License 2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": .string(facts.prefix.isEmpty ? "/" : facts.prefix), "description": "The port for clients."]],
            "tags": [
                ["name": "WebSocket", "description": .string(webSocketTag)],
                ["name": "Operations", "description": "Whether it works, and how well."],
                ["name": "Documents", "description": "What describes this server."],
                ["name": "Admin", "description": "On a port of its own, for operators' tools only."],
            ],
            "paths": paths,
            "components": ["schemas": schemas],
        ]
    }

    private var introduction: String {
        """
        HTTP endpoints of the router, and the schemas of its WebSocket messages. Built from the active routes: a message \
        type or channel that is added to the configuration appears here after the reload.

        The WebSocket protocol itself is described in [AsyncAPI](asyncapi.json). Every answer carries `X-Request-Id`, the \
        request's own or a new one; every refusal is an `Error`.
        """
    }

    private var webSocketTag: String {
        let channels = routes.channels.map { "`\($0.name)`" }.joined(separator: ", ")
        let types = routes.types.map { "`\($0.type)`" }.joined(separator: ", ")
        return "Channels now: \(channels.isEmpty ? "none" : channels). Types of their messages: \(types.isEmpty ? "none" : types)."
    }

    // MARK: Paths

    private var paths: JSONTree {
        [
            facts.path: ["get": webSocket],
            "/channels": ["get": channels],
            "/health": ["get": health],
            "/health/live": ["get": live],
            "/health/ready": ["get": ready],
            "/metrics": ["get": metrics],
            "/": ["get": root],
            "/docs": ["get": page],
            "/docs/{asset}": ["get": asset],
            "/openapi.json": ["get": document("openAPI", "This document", "OpenAPI 3.1.")],
            "/asyncapi.json": ["get": document("asyncAPI", "The WebSocket protocol", "AsyncAPI 3.0.")],
            "/-/reload": ["servers": [adminServer], "post": reload],
        ]
    }

    private var webSocket: JSONTree {
        let requests = kinds(.toServer).map { "`\($0.type)`" }.joined(separator: ", ")
        let answers = kinds(.toClient).map { "`\($0.type)`" }.joined(separator: ", ")
        var responses: [(String, JSONTree)] = [
            (
                "101",
                [
                    "description": "The connection speaks WebSocket from now on.",
                    "headers": [
                        "Upgrade": ["schema": ["type": "string", "const": "websocket"]],
                        "Connection": ["schema": ["type": "string"]],
                        "Sec-WebSocket-Accept": [
                            "description": "Proves that the server understood.", "schema": ["type": "string"],
                        ],
                        "Sec-WebSocket-Protocol": [
                            "description": "`patchbay.v1` when the request offers it; else there is none.",
                            "schema": ["type": "string", "const": "patchbay.v1"],
                        ],
                        "X-Connection-Id": [
                            "description": "Identifies the connection in the server's log and in `slow` of `/health`.",
                            "schema": ["type": "string", "pattern": "^[0-9a-f]{16}$"],
                        ],
                        "X-Request-Id": [
                            "description": "The request's own, or a generated one.", "schema": ["type": "string"],
                        ],
                    ],
                ]
            )
        ]
        for (status, codes) in ErrorCode.handshakes { responses.append((String(status), refusal(codes))) }
        return operation(
            "connect", tag: "WebSocket", summary: "Connect",
            description: """
                Upgrades to a WebSocket (RFC 6455). Messages are JSON, one per WebSocket text message, \
                \(facts.exchangeRules).

                Clients send \(requests). The server sends \(answers). Their schemas are below and in \
                [AsyncAPI](asyncapi.json).

                \(Self.closeCodes)
                """,
            parameters: HandshakeHeader.all.map { header in
                [
                    "name": .string(header.name), "in": "header", "required": .bool(header.isRequired),
                    "description": .string(header.documentation), "schema": header.schema,
                ]
            }, responses: responses)
    }

    private static var closeCodes: String {
        let rows = CloseCode.all.map { "| \($0.number) | \($0.meaning) |" }.joined(separator: "\n")
        return "| Close code | Meaning |\n|---|---|\n\(rows)"
    }

    private var channels: JSONTree {
        let example = ChannelList.tree(of: routes)
        return operation(
            "channels", tag: "WebSocket", summary: "What clients may subscribe to",
            description: "Channels and templates of the active routes, with the types of their messages.",
            responses: [("200", Self.json("The channels.", "Channels", example: example))])
    }

    private var health: JSONTree {
        operation(
            "health", tag: "Operations", summary: "Router health",
            description: "Counters and states, from consumption to clients.",
            responses: [
                ("200", Self.json("It does its job; `degraded` means that it needs attention.", "HealthReport")),
                ("503", Self.json("It can't do its job.", "HealthReport")),
            ])
    }

    private var live: JSONTree {
        operation(
            "live", tag: "Operations", summary: "Whether the process is alive",
            description: "For supervisors: when this fails, restart the process.",
            responses: [
                ("200", Self.json("It is.", schema: Self.probe(["live", "not_live"]))),
                ("503", Self.json("A thread is stuck; `reasons` says which.", schema: Self.probe(["live", "not_live"]))),
            ])
    }

    private var ready: JSONTree {
        operation(
            "ready", tag: "Operations", summary: "Whether clients should be sent here",
            description: "For load balancers: while this fails, send clients elsewhere.",
            responses: [
                ("200", Self.json("They should.", schema: Self.probe(["ready", "not_ready"]))),
                ("503", Self.json("They should not; `reasons` says why.", schema: Self.probe(["ready", "not_ready"]))),
            ])
    }

    /// See `ProbeReport`.
    private static func probe(_ statuses: JSONTree) -> JSONTree {
        [
            "type": "object",
            "properties": [
                "status": ["type": "string", "enum": statuses],
                "reasons": [
                    "type": "array", "items": ["type": "string"], "description": "Sentences for people; empty when all is well.",
                ],
            ],
            "required": ["status", "reasons"],
        ]
    }

    private var metrics: JSONTree {
        operation(
            "metrics", tag: "Operations", summary: "Snapshot for Prometheus",
            description: "Prometheus' text format, version 0.0.4.",
            responses: [
                (
                    "200",
                    [
                        "description": "All metrics.",
                        "content": ["text/plain": ["schema": ["type": "string"]]],
                    ]
                )
            ])
    }

    private var root: JSONTree {
        operation(
            "root", tag: "Documents", summary: "Redirects to /docs", description: "So that a browser finds the page.",
            responses: [
                (
                    "302",
                    [
                        "description": "Go to `/docs`.",
                        "headers": ["Location": ["schema": ["type": "string", "const": .string(facts.prefix + "/docs")]]],
                    ]
                )
            ])
    }

    private var page: JSONTree {
        operation(
            "docs", tag: "Documents", summary: "The page with this description and a WebSocket client",
            description: "For people.",
            responses: [
                ("200", ["description": "The page.", "content": ["text/html": ["schema": ["type": "string"]]]]),
                ("304", ["description": "Unchanged since the `ETag` in `If-None-Match`."]),
            ])
    }

    private var asset: JSONTree {
        operation(
            "docsAsset", tag: "Documents", summary: "Static assets of the page",
            description: "Files from a fixed table inside the program.",
            parameters: [
                [
                    "name": "asset", "in": "path", "required": true,
                    "schema": ["type": "string", "enum": .strings(facts.assets)],
                ]
            ],
            responses: [
                ("200", ["description": "The file.", "content": ["*/*": ["schema": ["type": "string"]]]]),
                ("304", ["description": "Unchanged since the `ETag` in `If-None-Match`."]),
                ("404", refusal(ErrorCode.all.filter { $0.place == .endpoint(404) })),
            ])
    }

    private func document(_ id: String, _ summary: String, _ description: String) -> JSONTree {
        operation(
            id, tag: "Documents", summary: summary, description: "\(description) For the active routes.",
            responses: [
                (
                    "200",
                    [
                        "description": "The document.",
                        "content": ["application/json": ["schema": ["type": "object"]]],
                    ]
                ),
                ("304", ["description": "Unchanged since the `ETag` in `If-None-Match`."]),
            ])
    }

    private var adminServer: JSONTree {
        [
            "url": "http://{host}:{port}",
            "description": "The admin listener: `admin.host` and `admin.port`, not the port for clients.",
            "variables": [
                "host": ["default": "localhost"],
                "port": ["default": .string(routes.adminPort.map(String.init) ?? "9090")],
            ],
        ]
    }

    private var reload: JSONTree {
        let isOff = routes.adminPort == nil ? " This server currently has no admin listener." : ""
        var responses: [(String, JSONTree)] = [
            ("200", Self.json("Applied, or nothing to apply.", "ReloadReport")),
            ("422", Self.json("Rejected; the previous configuration is still active.", "ReloadReport")),
        ]
        for (status, codes) in ErrorCode.admin { responses.append((String(status), refusal(codes))) }
        return operation(
            "reload", tag: "Admin", summary: "Reload the configuration",
            description: """
                Served on the admin port only, so that a firewall, or the loopback address alone, can keep it from clients; \
                requests from web pages are refused, so it can't be tried from here.\(isOff)
                """,
            parameters: [
                [
                    "name": "dry_run", "in": "query", "required": false,
                    "description": "1 only reports what a reload, or the candidate in the body, would change.",
                    "schema": ["type": "string", "enum": ["1", "0", "true", "false"]],
                ]
            ],
            requestBody: [
                "description": """
                With `dry_run=1`: the text to check in place of the server's own file. Paths that it includes are relative \
                to that file; it can only read files below that file's directory and those that the server already reads. \
                Findings about it name the file `candidate`.
                """,
                "required": false,
                "content": ["application/yaml": ["schema": ["type": "string"]]],
            ], responses: responses.sorted { $0.0 < $1.0 })
    }

    // MARK: Schemas

    private var schemas: JSONTree {
        let messages = MessageKind.all(routes).map { kind in
            (kind.key, kind.schema.with("examples", kind.examples.isEmpty ? nil : .array(kind.examples.map(\.message))))
        }
        return .members(
            messages + [
                ("Channels", HTTPSchemas.channels), ("Error", HTTPSchemas.error), ("HealthReport", HTTPSchemas.health),
                ("ReloadReport", HTTPSchemas.reload),
            ])
    }

    // MARK: Parts

    private func kinds(_ direction: MessageKind.Direction) -> [MessageKind] {
        MessageKind.all(routes).filter { $0.direction == direction }
    }

    private func operation(
        _ id: String, tag: String, summary: String, description: String, parameters: [JSONTree] = [],
        requestBody: JSONTree? = nil, responses: [(String, JSONTree)]
    ) -> JSONTree {
        let start: JSONTree = [
            "operationId": .string(id), "tags": [.string(tag)], "summary": .string(summary),
            "description": .string(description),
        ]
        // The handshake and the admin listener have codes of their own.
        let hasOwn = id == "connect" || tag == "Admin"
        let others = hasOwn ? [] : [("default", refusal(ErrorCode.endpoints))]
        return start.with("parameters", parameters.isEmpty ? nil : .array(parameters)).with("requestBody", requestBody)
            .with("responses", .members(responses + others))
    }

    private static func json(_ description: String, _ schema: String, example: JSONTree? = nil) -> JSONTree {
        json(description, schema: reference(schema), example: example)
    }

    private static func json(_ description: String, schema: JSONTree, example: JSONTree? = nil) -> JSONTree {
        let content: JSONTree = ["schema": schema]
        return [
            "description": .string(description), "content": ["application/json": content.with("example", example)],
        ]
    }

    private static func reference(_ schema: String) -> JSONTree { ["$ref": .string("#/components/schemas/\(schema)")] }

    private func refusal(_ codes: [ErrorCode]) -> JSONTree {
        var seen: Set<String> = []
        let examples = codes.filter { seen.insert($0.code).inserted }.map { code -> (String, JSONTree) in
            // No Markdown here.
            let meaning = JSONTree.string(String(code.meaning.filter { $0 != "`" }))
            return (code.code, ["summary": meaning, "value": ["error": meaning, "code": .string(code.code)]])
        }
        let list = codes.map { "`\($0.code)`: \($0.meaning)" }.joined(separator: " ")
        return [
            "description": .string(list),
            "content": [
                "application/json": ["schema": Self.reference("Error"), "examples": .members(examples)]
            ],
        ]
    }
}
