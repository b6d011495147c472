import NIOCore
import NIOHTTP1
import PatchbayCore
import PatchbayJSON
import PatchbaySettings
import Testing

@testable import PatchbayDelivery

@Suite struct RequestParserTests {
    private func parse(_ text: String) -> Result<any ClientRequest, RequestRefusal> {
        RequestParser().parse(ByteBuffer(string: text))
    }

    @Test func readsEveryRequestInAnyOrderOfFields() throws {
        let subscribe = try parse(#"{"type":"subscribe","channel":"a"}"#).get() as? SubscribeRequest
        #expect(subscribe?.channel == "a" && subscribe?.id == nil)
        let unsubscribe = try parse(#" { "id" : 1.50, "channel":"\u0061\"", "type":"unsubscribe" } "#).get() as? UnsubscribeRequest
        #expect(unsubscribe?.channel == "a\"" && unsubscribe?.id == "1.50")
        #expect(try (parse(#"{"type":"ping","id":"x\"y"}"#).get() as? PingRequest)?.id == #""x\"y""#)
    }

    @Test(arguments: [
        ("", "invalid_json"), ("{", "invalid_json"), ("[]", "invalid_json"), ("\"subscribe\"", "invalid_json"),
        (#"{"type":"subscribe","channel":"a"} x"#, "invalid_json"),
        (#"{"type":"subscribe","channel":"a",}"#, "invalid_json"),
        ("{}", "unknown_type"), (#"{"type":"publish"}"#, "unknown_type"), (#"{"type":7}"#, "unknown_type"),
        (#"{"type":"subscribe"}"#, "channel_required"), (#"{"type":"unsubscribe","channel":""}"#, "channel_required"),
        (#"{"type":"subscribe","channel":5}"#, "channel_required"),
        (#"{"type":"subscribe","channel":"a","since":5}"#, "unknown_field"),
        (#"{"type":"ping","id":{}}"#, "invalid_field"), (#"{"type":"ping","id":null}"#, "invalid_field"),
    ])
    func refusesWithTheDocumentedCode(_ text: String, _ code: String) {
        guard case .failure(let refusal) = parse(text) else {
            Issue.record("accepted \(text)")
            return
        }
        #expect(refusal.code == code)
        #expect(!refusal.message.isEmpty)
    }

    /// Half of a surrogate pair is no text. Read as U+FFFD, it made a subscription to a channel that the client never named, and
    /// that a record may well have.
    @Test(arguments: [#"trades.\ud83d"#, #"\udc00"#, #"a\ud83d\ud83d\ude00"#])
    func halfACharacterIsNoName(name: String) {
        for type in ["subscribe", "unsubscribe"] {
            guard case .failure(let refusal) = parse("{\"type\":\"\(type)\",\"channel\":\"\(name)\",\"id\":7}") else {
                Issue.record("accepted \(name)")
                continue
            }
            #expect(refusal.code == "invalid_channel" && refusal.id == "7")
            #expect(refusal.message.contains("half of a surrogate pair"), "\(refusal.message)")
        }
    }

    @Test func aWholeCharacterIsOne() throws {
        let whole = try parse(#"{"type":"subscribe","channel":"trades.\ud83d\ude00"}"#).get()
        #expect((whole as? SubscribeRequest)?.channel == "trades.😀")
        let replacement = try parse("{\"type\":\"subscribe\",\"channel\":\"trades.\u{FFFD}\"}").get()
        #expect((replacement as? SubscribeRequest)?.channel == "trades.\u{FFFD}")
    }

    @Test func refusesDeepNestingWithoutHarm() {
        let text = String(repeating: "[", count: 60_000)
        guard case .failure(let refusal) = parse(text) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.code == "invalid_json")
    }

    @Test func namesTheUnknownFieldAndKeepsTheID() {
        guard case .failure(let refusal) = parse(#"{"type":"subscribe","channel":"a","sinse":1,"id":9}"#) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.message.contains("sinse"))
        #expect(refusal.id == "9")
    }
}

/// What a session decides, with plain values.
@Suite struct SessionDecisionTests {
    /// A type of request that only this test knows: nothing else has to change for one.
    private struct SumRequest: ClientRequest {
        static let type = "sum"
        static let document = RequestDocument(summary: "Adds.", needsChannel: false, answer: "total")
        static let fields = ["numbers"]

        let id: String?
        let total: Double

        init(_ fields: RequestFields) throws(RequestRefusal) {
            id = fields.id
            guard let numbers = fields["numbers"], numbers.type == .array else {
                throw RequestRefusal(code: "invalid_field", message: "numbers must be a list", id: fields.id)
            }
            total = numbers.elements.reduce(0) { $0 + (Double(String(decoding: $1.text, as: UTF8.self)) ?? 0) }
        }

        func act(_ context: SessionContext) -> [SessionAction] {
            [.send(ControlMessage(type: "total", channel: nil, data: withID("{\"total\":\(Int(total))}"), timestampMilliseconds: 0))]
        }
    }

    private let limits: SessionLimits

    init() {
        var configuration = ServerConfiguration()
        configuration.limits.subscriptions = 2
        configuration.limits.requestsPerSecond = 1
        configuration.limits.requestBurst = 2
        limits = SessionLimits(configuration)
    }

    private func context(_ channels: String...) -> SessionContext {
        SessionContext(limits: limits, connection: "0f", subscriptions: channels.count) { channels.contains($0) }
    }

    private func request(_ text: String) -> Result<any ClientRequest, RequestRefusal> {
        RequestParser(types: ClientRequests.all + [SumRequest.self]).parse(ByteBuffer(string: text))
    }

    private func code(_ action: SessionAction?) -> String? {
        guard case .send(let message) = action, message.type == "error" else { return nil }
        return message.data.firstRange(of: "\"code\":\"").map { String(message.data[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    @Test func asManySubscriptionsAsAllowedAndNoMore() {
        var session = Session(at: .now())
        func ask(_ context: SessionContext) -> [SessionAction] {
            session.received(at: .now(), context) { request(#"{"type":"subscribe","channel":"c"}"#) }
        }
        guard case .subscribe(let first, .head)? = ask(context("a")).first else {
            Issue.record("no subscription")
            return
        }
        #expect(first.channel == "c")
        let refused = ask(context("a", "b"))
        #expect(refused.first == .count(.subscriptions) && code(refused.last) == "too_many_subscriptions")
        session = Session(at: .now())
        // Twice is no more.
        #expect(ask(context("a", "c")).count == 1)
    }

    @Test func everyOutcomeHasItsAnswer() throws {
        let subscribe = try #require(try request(#"{"type":"subscribe","channel":"x.*","id":1}"#).get() as? SubscribeRequest)
        let outcomes: [(SubscribeRequest.Outcome, String?)] = [
            (.subscribed, nil), (.pattern(wildcard: "*"), "invalid_channel"), (.template, "invalid_channel"),
            (.unknown(known: ["a"]), "unknown_channel"), (.awaitsTooMany(most: 1), "too_many_channels"),
            (.tooManyAwaited(most: 1), "too_many_channels"), (.unauthorized(.init(code: "own_code", message: "no")), "own_code"),
        ]
        for (outcome, expected) in outcomes {
            let actions = subscribe.answer(outcome, context())
            #expect(code(actions.last) == expected)
            guard case .send(let message) = actions.last else {
                Issue.record("no answer to \(outcome)")
                continue
            }
            #expect(message.channel == "x.*" && message.data.hasSuffix("\"id\":1}"))
        }
    }

    @Test func requestsOverTheRateChangeNothingAndAFloodCloses() {
        let start = NIODeadline.now()
        var session = Session(at: start)
        var parsed = 0
        func ask(_ milliseconds: Int64) -> [SessionAction] {
            session.received(at: start + .milliseconds(milliseconds), context()) {
                parsed += 1
                return request(#"{"type":"unsubscribe","channel":"c","id":"i"}"#)
            }
        }
        #expect(ask(0).count == 2 && ask(1).count == 2)
        let refused = ask(2)
        #expect(refused.first == .count(.requestRate) && code(refused.last) == "rate_limited")
        #expect(session.lastActive == start + .milliseconds(2))
        var last: [SessionAction] = []
        for time in 3..<300 { last = ask(Int64(time)) }
        #expect(last == [.close(.policyViolation, over: .requestFlood, reason: "too many requests")])
        let before = parsed
        _ = ask(300)
        #expect(parsed == before)
    }

    @Test func aNewTypeOfRequestIsOneFile() throws {
        var session = Session(at: .now())
        let actions = session.received(at: .now(), context()) { request(#"{"type":"sum","numbers":[1,2,3],"id":4}"#) }
        guard case .send(let total)? = actions.first else {
            Issue.record("no answer")
            return
        }
        #expect(total.type == "total" && total.data == #"{"total":6,"id":4}"#)
        // Its field is its own.
        #expect(code(session.received(at: .now(), context()) { request(#"{"type":"ping","numbers":[]}"#) }.first) == "unknown_field")
    }
}

@Suite struct HandshakeDecisionTests {
    private func decide(
        uri: String = "/ws", method: HTTPMethod = .GET, origins: [String] = ["*"], draining: Bool = false,
        path: String? = "/ws", _ change: (inout HTTPHeaders) -> Void = { _ in }
    ) -> HandshakeDecision {
        var headers: HTTPHeaders = [
            "Host": "x", "Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
        ]
        change(&headers)
        return HandshakeDecision.decide(
            HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers),
            rules: .init(path: path, allowedOrigins: origins), isDraining: draining)
    }

    private func status(_ decision: HandshakeDecision) -> UInt? {
        if case .refuse(let status, _, _) = decision { status.code } else { nil }
    }

    @Test func acceptsWhatBrowsersSend() {
        #expect(decide() == .upgrade)
        #expect(decide(uri: "/ws?x=1") == .upgrade)
        #expect(decide(uri: "/elsewhere", path: nil) == .upgrade)
    }

    @Test func ordinaryRequestsAreNotItsBusiness() {
        #expect(decide { for name in ["Upgrade", "Connection", "Sec-WebSocket-Key"] { $0.remove(name: name) } } == .http)
        #expect(decide(uri: "/health") { $0.remove(name: "Upgrade") } == .http)
        #expect(decide { $0.replaceOrAdd(name: "Upgrade", value: "h2c") } == .http)
        #expect(decide(method: .TRACE) { $0.remove(name: "Connection") } == .http)
    }

    @Test func refusesBrokenHandshakes() {
        #expect(status(decide(uri: "/chat")) == 404)
        #expect(status(decide(method: .POST)) == 400)
        #expect(status(decide { $0.replaceOrAdd(name: "Sec-WebSocket-Version", value: "8") }) == 426)
        #expect(status(decide { $0.remove(name: "Sec-WebSocket-Version") }) == 426)
        #expect(status(decide { $0.remove(name: "Sec-WebSocket-Key") }) == 400)
        #expect(status(decide { $0.replaceOrAdd(name: "Sec-WebSocket-Key", value: "short") }) == 400)
        #expect(status(decide { $0.add(name: "Sec-WebSocket-Key", value: "dGhlIHNhbXBsZSBub25jZQ==") }) == 400)
    }

    @Test func originsAreCheckedOnlyWhenGivenAndListed() {
        let origins = ["https://app.example"]
        #expect(decide(origins: origins) == .upgrade)
        #expect(decide(origins: origins) { $0.add(name: "Origin", value: "https://APP.example") } == .upgrade)
        #expect(status(decide(origins: origins) { $0.add(name: "Origin", value: "https://evil.example") }) == 403)
        #expect(status(decide(origins: origins) { $0.add(name: "Origin", value: "https://app.example.evil") }) == 403)
        #expect(decide { $0.add(name: "Origin", value: "https://any.example") } == .upgrade)
    }

    /// A proxy that drops `Connection: Upgrade` (nginx does unless told otherwise) got "a WebSocket handshake must be the first
    /// request of its connection", which it was; one that drops `Upgrade` got "connect with a WebSocket client".
    @Test func aHandshakeThatAProxyHasCutSaysWhatIsMissing() {
        for (dropped, words) in [
            (["Connection"], "but no Connection: Upgrade"), (["Upgrade"], "but no Upgrade: websocket"),
            (["Connection", "Upgrade"], "neither Upgrade: websocket nor"),
        ] {
            let decision = decide { headers in dropped.forEach { headers.remove(name: $0) } }
            guard case .refuse(let status, let code, let message) = decision else {
                Issue.record("\(dropped): \(decision)")
                continue
            }
            #expect(status.code == 426 && code == "upgrade_required" && message.contains(words) && message.contains("proxy"))
        }
    }

    @Test func refusalsNameWhatTheyRefuseBoundedAndEscaped() {
        let long = "/" + String(repeating: "x", count: 5000)
        guard case .refuse(_, _, let path) = decide(uri: long) else {
            Issue.record("accepted")
            return
        }
        #expect(path.contains("/xxx") && path.utf8.count < 300)
        let refusal = decide(origins: ["https://a.example"]) { $0.add(name: "Origin", value: "https://evil.example\u{1B}[31m") }
        guard case .refuse(_, _, let origin) = refusal else {
            Issue.record("accepted")
            return
        }
        #expect(origin.contains("https://evil.exampleU+001B[31m is not in server.allowed_origins"))
    }

    /// None was selected whatever was offered. Chrome then closes: "Sent non-empty 'Sec-WebSocket-Protocol' header but no
    /// response was received".
    @Test func theSubprotocolIsSelectedWhenItIsOffered() {
        func selected(_ values: [String]) -> String? {
            HandshakeDecision.subprotocol(
                of: HTTPRequestHead(
                    version: .http1_1, method: .GET, uri: "/ws", headers: HTTPHeaders(values.map { ("Sec-WebSocket-Protocol", $0) })))
        }
        #expect(selected([]) == nil)
        #expect(selected(["patchbay.v1"]) == "patchbay.v1")
        #expect(selected(["bearer.abc ,  patchbay.v1"]) == "patchbay.v1")
        #expect(selected(["a", "patchbay.v1, patchbay.v1"]) == "patchbay.v1")
        #expect(selected(["Patchbay.v1, patchbay.v2, graphql-ws"]) == nil)
    }

    @Test func aDrainingServerRefuses() { #expect(status(decide(draining: true)) == 503) }
}
