import Foundation
import Logging
import NIOCore
import NIOPosix
import PatchbaySettings
import Synchronization
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// Everything here goes over real sockets.
@Suite(.serialized) struct LiveConnectionTests {
    @Test func subscribesReceivesAndUnsubscribes() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.send(#"{"type":"subscribe","channel":"a","id":"s1"}"#)
            let confirmation = try await client.receive()
            #expect(confirmation.type == "subscription_confirmed")
            let connection = try #require(confirmation.data.firstMatch(of: /"connection":"([0-9a-f]{16})"/)).output.1
            #expect(confirmation.data == #"{"channel":"a","connection":"\#(connection)","id":"s1","status":"subscribed"}"#)
            server.publish(0..<3, to: "a")
            server.publish(0..<3, to: "b")
            for number in 0..<3 {
                let message = try await client.receive()
                #expect(message.type == "note" && message.channel == "a")
                #expect(message.data == "{\"n\":\(number),\"p\":\"\"}")
                #expect(message.timestamp.count == 24)
            }
            try await client.send(#"{"type":"unsubscribe","channel":"a"}"#)
            #expect(
                try await client.receive().data
                    == #"{"channel":"a","connection":"\#(connection)","status":"unsubscribed"}"#)
            server.publish(3..<6, to: "a")
            try await client.send(#"{"type":"ping","id":4}"#)
            let pong = try await client.receive()
            #expect(pong.type == "pong" && pong.data == #"{"id":4}"#)
        }
    }

    @Test func subscribingTwiceIsConfirmedTwiceAndDeliveredOnce() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a")
            try await client.subscribe("a")
            server.publish(0..<2, to: "a")
            #expect(try await client.receive().data.contains("\"n\":0"))
            #expect(try await client.receive().data.contains("\"n\":1"))
            try await client.send(#"{"type":"unsubscribe","channel":"nothing"}"#)
            #expect(try await client.receive().type == "subscription_confirmed")
        }
    }

    /// Frames queued for one channel once made the connection look full before its flush, so that the next channel's
    /// messages counted as missed by a slow client, and with a small buffer were dropped.
    /// "é" as one character and as "e" with an accent were one name to Swift: who left one channel left the other one, and a
    /// client that had all the subscriptions it may was let into both.
    @Test func channelsThatOnlyLookAlikeAreTwo() async throws {
        let (one, other) = ("caf\u{E9}", "cafe\u{301}")
        try await ServerFixture.run(configure: { $0.limits.subscriptions = 1 }) { server in
            server.replace(with: [ServerFixture.route("t", channels: [one, other])])
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe(one)
            try await client.send("{\"type\":\"unsubscribe\",\"channel\":\"\(other)\"}")
            #expect(try await client.receive().data.contains("unsubscribed"))
            server.publish(0..<1, to: "t")
            #expect(try await client.receive().channel.utf8.elementsEqual(one.utf8))
            try await client.send("{\"type\":\"subscribe\",\"channel\":\"\(other)\"}")
            #expect(try await client.receive().data.contains("too_many_subscriptions"))
        }
    }

    @Test func manyChannelsOnOneConnection() async throws {
        let names = (0..<200).map { "c\($0)" }
        // As much room in the kernel as it takes: a socket that is full drops messages by right.
        let channels = Dictionary(uniqueKeysWithValues: names.map { ($0, 1) })
        try await ServerFixture.run(channels: channels, configure: { $0.server.sendBuffer = 0 }) { server in
            let client = try await WebSocketTestClient(port: server.port)
            for name in names { try await client.subscribe(name) }
            // Together well below what the kernel holds for a client, so that only the write buffer is passed.
            for name in names { server.publish(0..<2, to: name, padding: 500) }
            var received: [String: [Int]] = [:]
            for _ in 0..<400 {
                let message = try await client.receive()
                #expect(message.type == "note", "\(message.text)")
                let number = Int(message.data.dropFirst(5).prefix { $0.isNumber }) ?? -1
                received[message.channel, default: []].append(number)
            }
            #expect(received.count == 200)
            #expect(received.values.allSatisfy { $0 == [0, 1] })
        }
    }

    @Test func refusedRequestsChangeNothingAndKeepTheConnection() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a")
            for (request, code) in [
                ("{", "invalid_json"), (#"{"type":"x"}"#, "unknown_type"),
                (#"{"type":"subscribe","channel":"zzz"}"#, "unknown_channel"),
                (#"{"type":"subscribe"}"#, "channel_required"),
                (#"{"type":"subscribe","channel":"b","from":1}"#, "unknown_field"),
            ] {
                try await client.send(request)
                let answer = try await client.receive()
                #expect(answer.type == "error")
                #expect(answer.data.contains("\"code\":\"\(code)\""), "\(answer.text)")
            }
            server.publish(0..<1, to: "b")
            server.publish(0..<1, to: "a")
            #expect(try await client.receive().channel == "a")
        }
    }

    @Test func answersPingsWithTheirPayload() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.sendFrame(opcode: 9, payload: Array("hello".utf8))
            let pong = try await client.receiveFrame()
            #expect(pong.opcode == 10 && pong.text == "hello")
        }
    }

    @Test func completesTheClosingHandshakeWithTheClientsCode() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.sendClose(4321)
            #expect(try await client.receiveClose().closeCode == 4321)
            #expect(try await client.socket.receiveToEnd().isEmpty)
            try await eventually("the place to be free") { server.server.clientCount == 0 }
        }
    }

    struct BadInput: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var code: Int
        var testDescription: String { name }
        init(_ name: String, _ code: Int, _ bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
            self.code = code
        }
    }

    static let badInputs = [
        BadInput("unmasked frame", 1002, WebSocketTestClient.frame(isMasked: false, payload: [65])),
        BadInput("reserved bit", 1002, WebSocketTestClient.frame(reserved: 4, payload: [65])),
        BadInput("unknown opcode", 1002, WebSocketTestClient.frame(opcode: 5, payload: [65])),
        BadInput("fragmented ping", 1002, WebSocketTestClient.frame(opcode: 9, isFinal: false, payload: [])),
        BadInput("stray continuation", 1002, WebSocketTestClient.frame(opcode: 0, payload: [65])),
        BadInput("binary message", 1003, WebSocketTestClient.frame(opcode: 2, payload: [1, 2])),
        BadInput("invalid UTF-8", 1007, WebSocketTestClient.frame(payload: [0xC3, 0x28])),
        BadInput("oversized message", 1009, WebSocketTestClient.frame(payload: [UInt8](repeating: 65, count: 100_000))),
        BadInput("bad close code", 1002, WebSocketTestClient.frame(opcode: 8, payload: [0x03, 0xED])),
    ]

    /// One client breaks the rules; it gets the documented close code, and the other goes on receiving.
    @Test(arguments: badInputs)
    func badFramesCloseTheirConnectionOnly(_ input: BadInput) async throws {
        try await ServerFixture.run { server in
            let good = try await WebSocketTestClient(port: server.port)
            try await good.subscribe("a")
            let bad = try await WebSocketTestClient(port: server.port)
            try await bad.subscribe("a")
            try await bad.socket.send(input.bytes)
            let close = try await bad.receiveClose()
            #expect(close.closeCode == input.code)
            #expect(!close.closeReason.isEmpty)
            #expect(try await bad.socket.receiveToEnd().isEmpty)
            bad.socket.close()
            server.publish(0..<1, to: "a")
            #expect(try await good.receive().channel == "a")
            try await eventually("the bad client to be gone") { server.server.clientCount == 1 }
        }
    }

    @Test func aConnectionThatVanishesIsCleanedUp() async throws {
        try await ServerFixture.run { server in
            for index in 0..<20 {
                let client = try await WebSocketTestClient(port: server.port)
                try await client.subscribe("a")
                switch index % 3 {
                case 0: client.socket.reset()
                case 1: client.socket.close()
                default: client.socket.finishWriting()
                }
            }
            try await eventually("all places to be free") { server.server.clientCount == 0 }
            #expect(server.router.log(ofChannel: "a")?.figures.subscribers == 0)
        }
    }

    @Test func moreClientsThanAllowedGet503() async throws {
        try await ServerFixture.run(configure: { $0.server.maxClients = 2 }) { server in
            let first = try await WebSocketTestClient(port: server.port)
            let second = try await WebSocketTestClient(port: server.port)
            let third = WebSocketTestClient(socket: try TestSocket(port: server.port))
            #expect(try await third.upgrade().hasPrefix("HTTP/1.1 503 "))
            let body = String(decoding: try await third.socket.receiveToEnd(), as: UTF8.self)
            #expect(body.contains("too_many_clients"))
            first.socket.close()
            try await eventually("a place to be free") { server.server.clientCount == 1 }
            let fourth = try await WebSocketTestClient(port: server.port)
            try await fourth.subscribe("a")
            try await second.subscribe("a")
        }
    }

    @Test func foreignOriginsGet403() async throws {
        try await ServerFixture.run(configure: { $0.server.allowedOrigins = ["https://app.example"] }) { server in
            let foreign = WebSocketTestClient(socket: try TestSocket(port: server.port))
            #expect(try await foreign.upgrade(headers: ["Origin": "https://evil.example"]).hasPrefix("HTTP/1.1 403 "))
            let own = try await WebSocketTestClient(port: server.port, headers: ["Origin": "https://app.example"])
            try await own.subscribe("a")
        }
    }

    @Test func aHandshakeThatNeverCompletesTimesOut() async throws {
        try await ServerFixture.run(configure: { $0.server.handshakeTimeout = .seconds(2) }) { server in
            let silent = try TestSocket(port: server.port)
            let partial = try TestSocket(port: server.port)
            try await partial.send("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websoc")
            // With its request in one go: a client of a busy test run may be the one who takes too long.
            let good = WebSocketTestClient(
                socket: try TestSocket(port: server.port, greeting: Array(WebSocketTestClient.handshake().utf8)))
            #expect(try await good.socket.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 101 "))
            for socket in [silent, partial] {
                let answer = String(decoding: try await socket.receiveToEnd(), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 408 "))
                #expect(answer.contains("handshake_timeout"))
            }
            try await good.subscribe("a")
        }
    }

    @Test func whatIsNotHTTPGets400() async throws {
        try await ServerFixture.run { server in
            let socket = try TestSocket(port: server.port)
            try await socket.send("\u{1}\u{2}\u{3} nonsense\r\n\r\n")
            let answer = String(decoding: try await socket.receiveToEnd(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test func oversizedHeadersGet431() async throws {
        try await ServerFixture.run { server in
            let socket = try TestSocket(port: server.port)
            try await socket.send("GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Big: \(String(repeating: "x", count: 20_000))\r\n\r\n")
            let answer = String(decoding: try await socket.receiveToEnd(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 431 "))
        }
    }

    /// A client that sends its first request right behind its handshake must not lose it.
    @Test func requestsGluedToTheHandshakeAreAnswered() async throws {
        try await ServerFixture.run { server in
            let client = WebSocketTestClient(socket: try TestSocket(port: server.port))
            let request = WebSocketTestClient.frame(payload: Array(#"{"type":"subscribe","channel":"a"}"#.utf8))
            try await client.socket.send(Array(WebSocketTestClient.handshake().utf8) + request)
            #expect(try await client.socket.receive(through: "\r\n\r\n").contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(try await client.receive().type == "subscription_confirmed")
        }
    }

    @Test func silentPeersArePingedAndThenClosed() async throws {
        try await ServerFixture.run(configure: { $0.server.pingInterval = .seconds(3) }) { server in
            let lively = try await WebSocketTestClient(port: server.port)
            let silent = try await WebSocketTestClient(port: server.port)
            var pings = 0
            while pings < 2 {
                let frame = try await lively.receiveFrame()
                #expect(frame.opcode == 9)
                try await lively.sendFrame(opcode: 10, payload: frame.payload)
                pings += 1
            }
            #expect(try await silent.receiveClose().closeCode == 4000)
            try await lively.subscribe("a")
        }
    }

    /// Reads nothing for a while, then everything: what arrives and what was announced as dropped add up exactly.
    @Test func aSlowReaderIsToldExactlyWhatItMissed() async throws {
        try await ServerFixture.run(channels: ["a": 50]) { server in
            let slow = try await WebSocketTestClient(port: server.port, receiveBuffer: 4096)
            try await slow.subscribe("a")
            let quick = try await WebSocketTestClient(port: server.port)
            try await quick.subscribe("a")
            let total = 20_000
            async let quickNumbers = Self.readAll(quick, until: total)
            for start in stride(from: 0, to: total, by: 500) {
                server.publish(start..<start + 500, to: "a", padding: 1000)
                // Let the event loop see each piece, so that falling behind happens in many steps.
                try await eventually("the pieces to be handed out") {
                    server.router.fanoutSnapshot.deliveries + server.router.fanoutSnapshot.dropped >= Int64(start + 500)
                }
            }
            let quickResult = try await quickNumbers
            #expect(quickResult.dropped + quickResult.numbers.count == total)
            let slowResult = try await Self.readAll(slow, until: total)
            #expect(slowResult.dropped > 0)
            #expect(slowResult.numbers.count + slowResult.dropped == total)
            #expect(slowResult.isExact)
            #expect(quickResult.isExact)
            #expect(
                server.router.log(ofChannel: "a")?.figures.dropped
                    == Int64(slowResult.dropped + quickResult.dropped))
        }
    }

    struct ReadResult: Sendable {
        var numbers: [Int] = []
        var dropped = 0
        /// Whether every number was exactly the one that the gaps before it left to come.
        var isExact = true
    }

    static func readAll(_ client: WebSocketTestClient, until total: Int) async throws -> ReadResult {
        var result = ReadResult()
        while result.numbers.count + result.dropped < total {
            let message = try await client.receive()
            if message.type == "gap" {
                let digits = message.data.drop { !$0.isNumber }.prefix { $0.isNumber }
                result.dropped += Int(digits) ?? 0
                if !message.data.contains("slow_consumer") { result.isExact = false }
            } else {
                let number = Int(message.data.dropFirst(5).prefix { $0.isNumber }) ?? -1
                if number != result.numbers.count + result.dropped { result.isExact = false }
                result.numbers.append(number)
            }
        }
        return result
    }

    /// A client that asks and asks but never reads must not make the server keep its answers.
    @Test func aClientThatNeverReadsItsAnswersIsNotReadEither() async throws {
        // Without a limit on requests, which would close the connection instead.
        try await ServerFixture.run(configure: { $0.limits.requestsPerSecond = 0 }) { server in
            let rude = try await WebSocketTestClient(port: server.port, receiveBuffer: 4096)
            let request = WebSocketTestClient.frame(payload: Array(#"{"type":"ping"}"#.utf8))
            let many = Array(repeatElement(request, count: 20_000).joined())
            // The kernel's buffers fill up and sending stalls: that is the point.
            let sending = Task { for _ in 0..<20 { try await rude.socket.send(many) } }
            let good = try await WebSocketTestClient(port: server.port)
            try await good.subscribe("a")
            server.publish(0..<5, to: "a")
            for _ in 0..<5 { #expect(try await good.receive().channel == "a") }
            rude.socket.reset()
            sending.cancel()
        }
    }

    @Test func everyoneIsToldOnShutdown() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a")
            server.publish(0..<50, to: "a")
            await server.server.stopAccepting()
            async let stragglers = server.server.drain(timeout: .seconds(10))
            for number in 0..<50 {
                let message = try await client.receive()
                #expect(message.data.contains("\"n\":\(number),"), "\(message.text)")
            }
            let farewell = try await client.receive()
            #expect(farewell.type == "server_shutdown")
            #expect(farewell.data.contains("reconnect_after_ms"))
            #expect(try await client.receiveClose().closeCode == 1001)
            client.socket.close()
            #expect(await stragglers == PatchbayServer.Drained())
        }
    }

    /// An event loop runs tasks until none is left before it looks at its sockets. Passes that followed one another as
    /// tasks therefore kept it from ever accepting a connection while there was something to send.
    @Test func handshakesAreServedWhileTheFanOutNeverRests() async throws {
        try await ServerFixture.run { server in
            let fanout = server.router.fanouts[0]
            let log = try #require(server.router.log(ofChannel: "a"))
            fanout.eventLoop.execute {
                for _ in 0..<100 {
                    let receiver = BusyReceiver()
                    BusyReceiver.keepAlive(receiver, fanout.subscribe(receiver, to: log))
                }
            }
            let isDone = Atomic<Bool>(false)
            async let publishing: Void = offPool {
                var next = 0
                while !isDone.load(ordering: .relaxed) {
                    // Large enough for the fan-out not to rest between passes.
                    server.publish(next..<next + 1, to: "a", padding: 50_000)
                    next += 1
                }
            }
            do {
                let client = try await WebSocketTestClient(port: server.port)
                try await client.subscribe("b")
            } catch {
                isDone.store(true, ordering: .relaxed)
                throw error
            }
            isDone.store(true, ordering: .relaxed)
            try await publishing
        }
    }

    /// Takes its time for every flush.
    final class BusyReceiver: MessageReceiver {
        let name = "busy"
        func losesMessages(_ subscription: Subscription, behind: Int64) {}
        func subscriptionEnded(_ subscription: Subscription) {}
        let isWritable = true
        var isAwaitingFlush = false
        private var subscription: Subscription?
        private var own: BusyReceiver?

        func write(frames: ByteBuffer) {}
        func write(_ message: ControlMessage) {}

        func flush() {
            let end = ContinuousClock.now + .microseconds(100)
            while ContinuousClock.now < end {}
        }

        /// A subscription doesn't own its receiver; for the length of a test, it owns itself.
        static func keepAlive(_ receiver: BusyReceiver, _ subscription: Subscription) {
            receiver.own = receiver
            receiver.subscription = subscription
        }
    }

    @Test func aThousandClientsAllReceiveTheSameSequence() async throws {
        try await ServerFixture.run(channels: ["a": 10_000], loops: 2) { server in
            var clients: [WebSocketTestClient] = []
            for _ in 0..<1000 {
                let client = try await WebSocketTestClient(port: server.port)
                try await client.subscribe("a")
                clients.append(client)
            }
            server.publish(0..<100, to: "a")
            for client in clients {
                let result = try await Self.readAll(client, until: 100)
                #expect(result.numbers == Array(0..<100))
            }
        }
    }
}

@Suite(.serialized) struct LiveHTTPTests {
    private func get(_ path: String, port: Int) async throws -> (head: String, body: String) {
        let socket = try TestSocket(port: port)
        try await socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let head = try await socket.receive(through: "\r\n\r\n")
        return (head, String(decoding: try await socket.receiveToEnd(), as: UTF8.self))
    }

    @Test func healthReportsChannelsAndClients() async throws {
        try await ServerFixture.run { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a")
            server.publish(0..<7, to: "a")
            let (head, body) = try await get("/health", port: server.port)
            #expect(head.hasPrefix("HTTP/1.1 200 "))
            #expect(head.lowercased().contains("content-type: application/json"))
            let object = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
            #expect(object["status"] as? String == "ok")
            #expect(object["clients"] as? Int == 1)
            let channels = try #require(object["channels"] as? [[String: Any]])
            #expect(channels.first?["messages"] as? Int == 7)
            #expect(channels.first?["subscribers"] as? Int == 1)
        }
    }

    @Test func healthIs503WhenTheSourceFailsAnd200WhenItWarns() async throws {
        try await ServerFixture.run(source: { SourceHealth(failures: ["no broker"]) }) { server in
            let (head, body) = try await get("/health", port: server.port)
            #expect(head.hasPrefix("HTTP/1.1 503 "))
            #expect(body.contains("\"no broker\"") && body.contains("\"unavailable\""))
        }
        try await ServerFixture.run(source: { SourceHealth(warnings: ["look here"]) }) { server in
            let (head, body) = try await get("/health", port: server.port)
            #expect(head.hasPrefix("HTTP/1.1 200 "))
            #expect(body.contains("\"look here\"") && body.contains("\"degraded\""))
        }
    }

    @Test func unknownPathsAre404AsJSON() async throws {
        try await ServerFixture.run { server in
            for path in ["/nothing", "/health/../etc/passwd", "/%00"] {
                let (head, body) = try await get(path, port: server.port)
                #expect(head.hasPrefix("HTTP/1.1 404 "), "\(path)")
                let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
                #expect(object?["code"] as? String == "not_found")
            }
        }
    }

    @Test func plainGetOfTheWebSocketSaysUpgrade() async throws {
        try await ServerFixture.run { server in
            let (head, body) = try await get("/ws", port: server.port)
            #expect(head.hasPrefix("HTTP/1.1 426 "))
            #expect(body.contains("upgrade_required"))
        }
    }

    @Test func aBugInAnEndpointIs500AsJSON() async throws {
        struct Bug: Error {}
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let endpoints = Endpoints(logger: logger) { StandardEndpoints.add(to: $0, health: { throw Bug() }, metrics: { ByteBuffer() }) }
        var configuration = ServerConfiguration()
        configuration.server.host = "127.0.0.1"
        configuration.server.port = 0
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let listener = WebSocketListener(
            configuration: configuration, group: group,
            makeHandler: { _ in throw Bug() }, serveHTTP: { try endpoints.serve($0) })
        let (head, body) = try await get("/health", port: try await listener.start())
        #expect(head.hasPrefix("HTTP/1.1 500 "))
        let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        #expect(object?["code"] as? String == "internal_error")
        await listener.stopAccepting()
        await endpoints.close()
        try await group.shutdownGracefully()
    }

    @Test func severalRequestsOnOneConnection() async throws {
        try await ServerFixture.run { server in
            let socket = try TestSocket(port: server.port)
            for _ in 0..<3 {
                try await socket.send("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try await socket.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
                #expect(try await socket.receive(through: "\"not_found\"}").isEmpty == false)
            }
        }
    }
}
