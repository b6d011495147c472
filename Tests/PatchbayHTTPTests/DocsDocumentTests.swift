import Foundation
import NIOCore
import PatchbayAPI
import PatchbayJSON
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// The OpenAPI and the AsyncAPI document, as they are made of routes.
@Suite struct DocsDocumentTests {
    private static let orders = DocumentedRoutes.Message(
        type: "order", route: "orders", transformers: ["filter", "pick"], channels: ["orders", "orders.{id}"],
        schema: #"{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}"#, example: #"{"id":7}"#)

    private static let routes = DocumentedRoutes(
        version: "1.2.3", adminPort: 9191,
        messages: [
            orders,
            .init(type: "note", route: "notes", transformers: ["json"], channels: ["notes"], deletes: true),
            // A type of two routes, one of which has another schema and no example.
            .init(
                type: "order", route: "old orders", transformers: ["rename"], channels: ["all"],
                schema: #"{"type":"object","properties":{"number":{"type":"string"}},"additionalProperties":false}"#),
            // Names that have to be written otherwise, and then look alike.
            .init(type: "Größe/1", route: "a", transformers: ["json"], channels: ["{@key}"]),
            .init(type: "Gr_ße_1", route: "b", transformers: ["json"], channels: [#"a"b\.{x}*"#]),
            // What is no JSON is left out.
            .init(type: "broken", route: "c", transformers: ["json"], channels: ["all"], schema: "{", example: "{]"),
            .init(
                type: "bare", route: "d", transformers: ["pick"], channels: ["all"],
                schema: """
                    {"type":"object","properties":{"at":{"type":"string","format":"date-time"},"n":{"type":"integer","minimum":3},
                    "a":{"type":"array","items":{"enum":["x"]}},"o":{"anyOf":[{"type":"boolean"},{"type":"null"}]},
                    "amount":{"type":"string","pattern":"^[0-9]+(\\\\.[0-9]+)?$"},"c":{"const":null},"any":{}},
                    "required":["at","n","a","o","amount","c","any"],"additionalProperties":false}
                    """),
        ],
        channels: [
            .init(name: "orders", description: "All \"orders\"", buffer: 10), .init(name: "notes", buffer: 100),
            .init(name: "all", buffer: 100), .init(name: "orders.{id}", buffer: 5, isTemplate: true),
            .init(name: "{@key}", buffer: 5, isTemplate: true), .init(name: #"a"b\.{x}*"#, buffer: 5, isTemplate: true),
        ])

    private func text(_ kind: DocumentCache.Kind, _ routes: DocumentedRoutes, path: String? = "/ws") -> String {
        var configuration = ServerConfiguration()
        configuration.path = path
        let cache = DocumentCache(
            facts: DocumentContext(configuration, assets: ["app.js", "docs.css"]), routes: { routes })
        return String(buffer: cache.document(kind).body)
    }

    private func object(_ kind: DocumentCache.Kind, _ routes: DocumentedRoutes) throws -> [String: Any] {
        let data = Data(text(kind, routes).utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func bothPassPublicValidatorsAndAllExamplesFit() async throws {
        let empty = DocumentedRoutes(version: "0", messages: [], channels: [])
        for routes in [Self.routes, empty] {
            let complaints = try await DocsValidator.complaints(
                of: [text(.openAPI, routes), text(.asyncAPI, routes)])
            #expect(complaints.isEmpty, "\(complaints)")
        }
    }

    /// A validator that finds nothing wrong with anything would be of no use.
    @Test func theValidatorFindsWhatIsWrong() async throws {
        let (openAPI, asyncAPI) = (text(.openAPI, Self.routes), text(.asyncAPI, Self.routes))
        let mistakes = [
            [(#""openapi": "3.1.0""#, #""openapi": 31"#, "openapi.json")],
            [("#/components/schemas/Error", "#/components/schemas/Fault", "leads nowhere")],
            // What can be told in one go: each run of the validators takes seconds.
            [
                (#""id": 7"#, #""id": "seven""#, "openapi.json schema message-order: example"),
                (#""in": "header""#, #""in": "head""#, "openapi.json: "),
                (#""action": "receive""#, #""action": "subscribe""#, "neither send nor receive"),
                ("#/channels/ws/messages/message-order", "#/components/messages/message-order", "not its channel's"),
                (#""method": "GET""#, #""verb": "GET""#, "no verb in a ws binding"),
            ],
        ]
        for run in mistakes {
            var texts = [openAPI, asyncAPI]
            for (original, broken, _) in run {
                let before = texts
                texts = texts.map { $0.replacingOccurrences(of: original, with: broken) }
                #expect(texts != before, "\(original) is in neither")
            }
            let complaints = try await DocsValidator.complaints(of: texts)
            for (_, broken, complaint) in run { #expect(complaints.contains(complaint), "\(broken): \(complaints)") }
        }
    }

    @Test func everyTypeAndChannelIsThere() throws {
        let openAPI = try object(.openAPI, Self.routes)
        let components = try #require(openAPI["components"] as? [String: [String: Any]])
        let schemas = try #require(components["schemas"])
        for key in [
            "request-subscribe", "request-unsubscribe", "request-ping", "message-subscription_confirmed", "message-error",
            "message-pong", "message-gap", "message-channel_closed", "message-server_shutdown", "message-order",
            "message-note", "message-Gr__e_1", "message-Gr__e_1_2", "message-broken",
        ] { #expect(schemas[key] != nil, "\(key)") }
        let asyncAPI = try object(.asyncAPI, Self.routes)
        let messages = try #require((asyncAPI["components"] as? [String: [String: Any]])?["messages"])
        #expect(Set(messages.keys) == Set(schemas.keys).subtracting(["Channels", "Error", "HealthReport", "ReloadReport"]))
        let order = try #require(messages["message-order"] as? [String: Any])
        let payload = try #require(order["payload"] as? [String: Any])
        let properties = try #require(payload["properties"] as? [String: [String: Any]])
        #expect((properties["data"]?["anyOf"] as? [Any])?.count == 2)
        let channels = try object(.channels, Self.routes)
        let list = try #require(channels["channels"] as? [[String: Any]])
        #expect(list.count == 6)
        #expect(list[0]["types"] as? [String] == ["order"] && list[0]["description"] as? String == "All \"orders\"")
        #expect(list[3]["template"] as? Bool == true && list[3]["types"] as? [String] == ["order"])
    }

    @Test func deletionsAreDescribedWhereARouteSendsThem() throws {
        let messages = try #require((object(.asyncAPI, Self.routes)["components"] as? [String: [String: Any]])?["messages"])
        func properties(_ key: String) -> [String: Any]? {
            ((messages[key] as? [String: Any])?["payload"] as? [String: Any])?["properties"] as? [String: Any]
        }
        #expect(properties("message-note")?["deleted"] != nil && properties("message-note")?["key"] != nil)
        #expect(properties("message-order")?["deleted"] == nil)
        let examples = (messages["message-note"] as? [String: Any])?["examples"] as? [[String: Any]]
        let deletion = try #require(examples?.last?["payload"] as? [String: Any])
        #expect(deletion["data"] is NSNull && deletion["deleted"] as? Bool == true && deletion["key"] as? String == "7")
    }

    /// A deletion with data, or without its key, is none.
    @Test func theSchemaTakesNoHalfDeletion() async throws {
        let kind = try #require(MessageKind.all(Self.routes).first { $0.type == "note" })
        let schema = kind.schema.text()
        let cases = [
            (#"{"data":null,"deleted":true,"key":"7"}"#, true), (#"{"data":1}"#, true), (#"{"data":1,"deleted":true,"key":"7"}"#, false),
            (#"{"data":null,"deleted":true}"#, false), (#"{"data":1,"key":"7"}"#, false),
        ].map { value, fits in
            let whole = #"{"type":"note","channel":"notes","timestamp":"2026-01-31T12:00:00.000Z","# + value.dropFirst()
            return #"{"name":"deletion","schema":\#(schema),"value":\#(whole),"fits":\#(fits)}"#
        }
        let complaints = try await DocsValidator.complaints(of: ["[\(cases.joined(separator: ","))]"], arguments: ["--cases"])
        #expect(complaints.isEmpty, "\(complaints)")
    }

    @Test func thePathIsTheConfiguredOne() throws {
        let text = text(.openAPI, Self.routes, path: "/live/socket")
        #expect(text.contains(#""/live/socket": {"#) && !text.contains(#""/ws": {"#))
        #expect(text.contains(#""default": "9191""#))
    }

    @Test func aDocumentIsBuiltOnceAndAgainWhenRoutesChange() async throws {
        let source = Source(Self.routes)
        let cache = DocumentCache(facts: DocumentContext(ServerConfiguration(), assets: []), routes: { source.routes })
        let first = cache.document(.openAPI)
        #expect(cache.document(.openAPI).entityTag == first.entityTag)
        #expect(cache.document(.asyncAPI).entityTag != first.entityTag)
        source.routes.messages[0].type = "purchase"
        let second = cache.document(.openAPI)
        #expect(second.entityTag != first.entityTag && String(buffer: second.body).contains("message-purchase"))
        source.routes = Self.routes
        #expect(cache.document(.openAPI).entityTag == first.entityTag)
    }

    // Sound: one test uses it on one task.
    private final class Source: @unchecked Sendable {
        var routes: DocumentedRoutes
        init(_ routes: DocumentedRoutes) { self.routes = routes }
    }

    @Test func patternsOfTemplatesTakeWhatTheTemplateTakes() throws {
        for (template, names) in [
            ("trades.{Token}", ["trades.0x1", "trades.", "tradesx0x1", "trades.a.b", "x.trades.a"]),
            (#"a+b/{x}$(c)[d]\{@key}"#, [#"a+b/1$(c)[d]\2"#, #"aab/1$(c)[d]\2"#, #"a+b/1$(c)[d]\"#]),
            ("{x}{y}", ["", "1", "12", "123"]),
        ] {
            guard case .object(let schema) = ChannelNames([template]).schema, case .string(let pattern)? = schema["pattern"] else {
                Issue.record("\(template) has no pattern")
                continue
            }
            let expression = try NSRegularExpression(pattern: pattern)
            let parsed = try ChannelTemplate(template)
            for name in names {
                let range = NSRange(name.startIndex..., in: name)
                #expect((expression.firstMatch(in: name, range: range) != nil) == parsed.matches(name), "\(template) \(name)")
            }
        }
    }

    /// The tables must name every code that the sources send.
    @Test func everyErrorCodeIsInTheTable() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources").resolvingSymlinksInPath()
        let files = try ["PatchbayDelivery", "PatchbayHTTP"].flatMap { folder in
            try #require(FileManager.default.enumerator(at: sources.appendingPathComponent(folder), includingPropertiesForKeys: nil))
                .allObjects
        }
        let expression = try NSRegularExpression(pattern: #"\bcode: "([a-z_]+)""#)
        let known = Set(ErrorCode.all.map(\.code))
        var found: Set<String> = []
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in expression.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
                guard let range = Range(match.range(at: 1), in: text) else { continue }
                found.insert(String(text[range]))
                #expect(
                    known.contains(String(text[range])),
                    "\(file.lastPathComponent) sends \(text[range]); add it to Docs/ErrorCode.swift")
            }
        }
        #expect(found.count > 15)
        #expect(Set(ErrorCode.all).count == ErrorCode.all.count)
    }

    @Test func noOtherTypesThanTheDocumentedOnesAreSent() throws {
        let kinds = Set(MessageKind.all(DocumentedRoutes(version: "0", messages: [], channels: [])).map(\.type))
        #expect(
            kinds == [
                "subscribe", "unsubscribe", "ping", "subscription_confirmed", "error", "pong", "gap", "channel_closed",
                "server_shutdown",
            ])
    }

    @Test func examplesAreMadeOfSchemas() {
        #expect(SchemaExample.text(for: "{}") == "\"text\"")
        #expect(SchemaExample.text(for: "[") == nil)
        #expect(SchemaExample.text(for: #"{"type":"array"}"#) == "[]")
        #expect(SchemaExample.text(for: #"{"enum":[]}"#) == "\"text\"")
        let deep = String(repeating: #"{"type":"array","items":"#, count: 60) + "{}" + String(repeating: "}", count: 60)
        #expect(SchemaExample.text(for: deep)?.contains("null") == true)
    }
}
