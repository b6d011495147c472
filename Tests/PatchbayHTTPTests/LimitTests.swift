import Foundation
import Glibc
import NIOCore
import PatchbaySettings
import Synchronization
import TestSupport
import Testing

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// Rude clients over real sockets. In each test another client goes on receiving everything in order.
@Suite(.serialized) struct LimitTests {
    // MARK: Requests

    @Test func requestsOverTheRateAreRefusedAndThenClosed() async throws {
        try await ServerFixture.run(configure: {
            $0.limits.requestsPerSecond = 1
            $0.limits.requestBurst = 10
        }) { server in
            var witness = try await Witness(server)
            let rude = try await WebSocketTestClient(port: server.port)
            let pings = (0..<400).map { WebSocketTestClient.frame(payload: Array("{\"type\":\"ping\",\"id\":\($0)}".utf8)) }
            try await rude.socket.send(Array(pings.joined()))
            var pongs = 0
            var refused = 0
            var close: WebSocketTestClient.Frame?
            while close == nil {
                let frame = try await rude.receiveFrame()
                guard frame.opcode == 1 else {
                    close = frame
                    continue
                }
                let message = try WebSocketTestClient.envelope(frame.text)
                // Every answer names its request, in order.
                #expect(message.data.contains("\"id\":\(pongs + refused)"), "\(message.text)")
                if message.type == "pong" {
                    pongs += 1
                } else {
                    #expect(message.type == "error" && message.data.contains("\"code\":\"rate_limited\""))
                    refused += 1
                }
            }
            #expect(close?.closeCode == 1008 && close?.closeReason == "too many requests")
            // A token or two may come back meanwhile.
            #expect((10...20).contains(pongs) && refused >= 100)
            #expect(server.refusals(.requestRate) == Int64(refused) && server.refusals(.requestFlood) == 1)
            try await witness.receivesEverything()
        }
    }

    @Test func aRefusedRequestChangesNothing() async throws {
        try await ServerFixture.run(configure: {
            $0.limits.requestsPerSecond = 1
            $0.limits.requestBurst = 2
        }) { server in
            let client = try await WebSocketTestClient(port: server.port)
            try await client.subscribe("a")
            try await client.send(#"{"type":"ping"}"#)
            #expect(try await client.receive().type == "pong")
            try await client.send(#"{"type":"unsubscribe","channel":"a","id":"x"}"#)
            let refusal = try await client.receive()
            #expect(refusal.data.contains("rate_limited") && refusal.data.contains(#""id":"x""#))
            server.publish(0..<3, to: "a")
            for _ in 0..<3 { #expect(try await client.receive().channel == "a") }
        }
    }

    @Test func aFloodOfRequestsDisturbsNobody() async throws {
        try await ServerFixture.run(configure: { $0.limits.requestBurst = 200 }) { server in
            var witness = try await Witness(server)
            let floods = try await withThrowingTaskGroup(of: Int?.self) { group in
                for _ in 0..<4 {
                    let rude = try await WebSocketTestClient(port: server.port)
                    group.addTask {
                        // It reads its answers, or it would be stopped by that alone.
                        let frame = WebSocketTestClient.frame(payload: Array(#"{"type":"subscribe","channel":"b"}"#.utf8))
                        let hundred = Array(repeatElement(frame, count: 100).joined())
                        for _ in 0..<100 {
                            try await rude.socket.send(hundred)
                            for _ in 0..<100 {
                                let answer = try await rude.receiveFrame()
                                if answer.opcode == 8 { return answer.closeCode }
                            }
                        }
                        return nil
                    }
                }
                for _ in 0..<10 { try await witness.receivesEverything() }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(floods == [1008, 1008, 1008, 1008])
            try await witness.receivesEverything()
        }
    }

    // MARK: Control frames

    @Test(arguments: [UInt8(9), 10])
    func floodsOfPingsAndPongsAreClosed(_ opcode: UInt8) async throws {
        try await ServerFixture.run(configure: {
            $0.limits.controlFramesPerSecond = 1
            $0.limits.controlFrameBurst = 5
        }) { server in
            var witness = try await Witness(server)
            let rude = try await WebSocketTestClient(port: server.port)
            let frame = WebSocketTestClient.frame(opcode: opcode, payload: [1, 2, 3])
            try await rude.socket.send(Array(repeatElement(frame, count: 400).joined()))
            var pongs = 0
            var close: WebSocketTestClient.Frame?
            while close == nil {
                let frame = try await rude.receiveFrame()
                if frame.opcode == 10 { pongs += 1 } else { close = frame }
            }
            #expect(close?.closeCode == 1008 && close?.closeReason == "too many pings and pongs")
            #expect(opcode == 10 ? pongs == 0 : (5...15).contains(pongs))
            #expect(server.refusals(.controlRate) >= 100 && server.refusals(.controlFlood) == 1)
            try await witness.receivesEverything()
        }
    }

    /// A message of ever more frames without payload had no limit: none on frames, and none on a message's size applies.
    @Test func aFloodOfEmptyFragmentsIsClosed() async throws {
        try await ServerFixture.run(configure: {
            $0.limits.controlFramesPerSecond = 1
            $0.limits.controlFrameBurst = 5
        }) { server in
            var witness = try await Witness(server)
            let rude = try await WebSocketTestClient(port: server.port)
            try await rude.sendFrame(opcode: 1, isFinal: false, payload: [65])
            let frame = WebSocketTestClient.frame(opcode: 0, isFinal: false, payload: [])
            try await rude.socket.send(Array(repeatElement(frame, count: 400).joined()))
            let close = try await rude.receiveFrame()
            #expect(close.closeCode == 1008 && close.closeReason == "too many empty frames")
            #expect(server.refusals(.controlRate) >= 100 && server.refusals(.controlFlood) == 1)
            try await witness.receivesEverything()
        }
    }

    /// Empty fragments counted as signs of life, so that a connection lived on them for ever and answered no ping.
    @Test func emptyFragmentsAreNoSignOfLife() async throws {
        try await ServerFixture.run(configure: {
            $0.server.pingInterval = .milliseconds(500)
            $0.limits.controlFramesPerSecond = 0
        }) { server in
            let dead = try await WebSocketTestClient(port: server.port)
            try await dead.sendFrame(opcode: 1, isFinal: false, payload: [65])
            let isOver = Atomic<Bool>(false)
            let dripping = Task {
                while !isOver.load(ordering: .relaxed) {
                    try? await dead.sendFrame(opcode: 0, isFinal: false, payload: [])
                    try? await Task.sleep(for: .milliseconds(50))
                }
            }
            let close = try await dead.receiveClose()
            isOver.store(true, ordering: .relaxed)
            await dripping.value
            #expect(close.closeCode == 4000)
        }
    }

    // MARK: Subscriptions

    @Test func thousandsOfSubscriptionsAreRefusedBeyondTheLimit() async throws {
        try await ServerFixture.run(configure: {
            $0.limits.requestsPerSecond = 0
            $0.limits.subscriptions = 500
        }) { server in
            server.replace(with: [
                ServerFixture.route("a", channels: ["a"]), ServerFixture.route("t", channels: ["t.{n}"]),
            ])
            var witness = try await Witness(server)
            let greedy = try await WebSocketTestClient(port: server.port)
            var codes: [String: Int] = [:]
            for start in stride(from: 0, to: 2000, by: 100) {
                let requests = (start..<start + 100).map {
                    WebSocketTestClient.frame(payload: Array("{\"type\":\"subscribe\",\"channel\":\"t.\($0)\",\"id\":\($0)}".utf8))
                }
                try await greedy.socket.send(Array(requests.joined()))
                for _ in 0..<100 {
                    let answer = try await greedy.receive()
                    let isRefusal = answer.type == "error" && answer.data.contains("\"code\":\"too_many_subscriptions\"")
                    codes[isRefusal ? "refused" : answer.type, default: 0] += 1
                }
            }
            #expect(codes == ["subscription_confirmed": 500, "refused": 1500])
            #expect(server.refusals(.subscriptions) == 1500)
            // Nothing was made for those.
            #expect(server.router.awaitedChannels.count == 500)
            // What it has it may ask for again, and one that it leaves makes room.
            try await greedy.subscribe("t.7")
            try await greedy.send(#"{"type":"unsubscribe","channel":"t.7"}"#)
            #expect(try await greedy.receive().data.contains("unsubscribed"))
            try await greedy.subscribe("t.1999")
            try await witness.receivesEverything()
        }
    }

    // MARK: Sizes

    @Test func oversizedHeadersFramesAndMessagesAreRefused() async throws {
        try await ServerFixture.run(configure: {
            $0.limits.maxHeaders = 2000
            $0.server.maxFrame = 100
            $0.server.maxMessage = 150
        }) { server in
            var witness = try await Witness(server)
            let bigHead = try TestSocket(port: server.port)
            // Many small ones are as much as a big one.
            let fields = (0..<100).map { "X-\($0): \(String(repeating: "x", count: 40))\r\n" }.joined()
            try await bigHead.send("GET /ws HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
            let answer = String(decoding: try await bigHead.receiveToEnd(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 431 ") && answer.contains("headers_too_large"))
            #expect(answer.header("X-Content-Type-Options") == "nosniff")
            // The request line counts as well.
            let longLine = try TestSocket(port: server.port)
            try await longLine.send("GET /ws?\(String(repeating: "x", count: 50_000)) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(String(decoding: try await longLine.receiveToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 431 "))

            for frames in [
                [WebSocketTestClient.frame(payload: [UInt8](repeating: 65, count: 101))],
                (0..<3).map {
                    WebSocketTestClient.frame(opcode: $0 == 0 ? 1 : 0, isFinal: false, payload: [UInt8](repeating: 65, count: 60))
                },
            ] {
                let rude = try await WebSocketTestClient(port: server.port)
                try await rude.socket.send(Array(frames.joined()))
                #expect(try await rude.receiveClose().closeCode == 1009)
            }
            // As large as allowed, in two frames.
            let polite = try await WebSocketTestClient(port: server.port)
            let text = #"{"type":"ping","id":""# + String(repeating: "x", count: 120) + "\"}"
            let bytes = Array(text.utf8)
            try await polite.sendFrame(opcode: 1, isFinal: false, payload: Array(bytes[..<90]))
            try await polite.sendFrame(opcode: 0, payload: Array(bytes[90...]))
            #expect(try await polite.receive().type == "pong")
            #expect(server.refusals(.headerSize) == 2 && server.refusals(.messageSize) == 2)
            try await witness.receivesEverything()
        }
    }

    // MARK: Handshakes

    /// 200 clients send their handshake a byte at a time. None gets more time for that, and none is in anybody's way.
    @Test func slowHandshakesRunOutOfTimeHoweverTheyTrickle() async throws {
        try await ServerFixture.run(configure: { $0.server.handshakeTimeout = .seconds(1) }) { server in
            let slow = try (0..<200).map { _ in try TestSocket(port: server.port) }
            let isOver = Atomic<Bool>(false)
            let trickling = Task {
                // A header that never ends.
                for socket in slow { try? await socket.send("GET /ws HTTP/1.1\r\nX-Slow: ") }
                while !isOver.load(ordering: .relaxed) {
                    for socket in slow { try? await socket.send("x") }
                }
            }
            var witness = try await Witness(server)
            for _ in 0..<5 { try await witness.receivesEverything() }
            try await eventually("all of them to be refused") { server.refusals(.handshakeTime) == 200 }
            isOver.store(true, ordering: .relaxed)
            await trickling.value
            for socket in slow {
                // What they sent into the closed connection may have reset it before the answer was read.
                let answer = String(decoding: (try? await socket.receiveToEnd()) ?? [], as: UTF8.self)
                #expect(answer.isEmpty || (answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("handshake_timeout")))
            }
            try await witness.receivesEverything()
        }
    }

    /// Connections without a request had no limit but the process's on files: at that, accepting spun at nine tenths of a
    /// core, without a line in the log, and nobody got in until the silent ones timed out.
    @Test func silentConnectionsKeepNobodyOut() async throws {
        try await ServerFixture.run(
            loops: 2,
            configure: {
                $0.limits.pendingHandshakes = 20
                $0.server.handshakeTimeout = .seconds(300)
            }
        ) { server in
            var witness = try await Witness(server)
            let silent = try (0..<100).map { _ in try TestSocket(port: server.port) }
            // Those that have made their request are not among them.
            for _ in 0..<5 { _ = try await WebSocketTestClient(port: server.port) }
            try await witness.receivesEverything()
            #expect(server.refusals(.pendingHandshakes) > 0 && server.refusals(.handshakeTime) == 0)
            // The oldest go first, without an answer.
            #expect(try await silent[0].receiveToEnd().isEmpty)
            let page = try await request("GET /metrics", port: server.port).body
            #expect(page.contains("\npatchbay_pending_handshakes ") && page.contains("{limit=\"pending_handshakes\"}"))
            for socket in silent { socket.close() }
            try await eventually("none to be left") {
                try await request("GET /metrics", port: server.port).body.contains("\npatchbay_pending_handshakes 0\n")
            }
        }
    }

    /// The handshake timeout covers the whole request, also one that is for the endpoints.
    @Test func aRequestWhoseBodyNeverComesIsClosed() async throws {
        try await ServerFixture.run(configure: { $0.server.handshakeTimeout = .milliseconds(200) }) { server in
            let socket = try TestSocket(port: server.port)
            try await socket.send("POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
            _ = try await socket.receiveToEnd()
            #expect(server.refusals(.handshakeTime) == 1)
        }
    }

    // MARK: Kernel memory

    /// A client that doesn't read pinned some four megabytes of the kernel's memory, and when it read again, thousands of old
    /// messages came before the first gap: the kernel lets a connection's send buffer grow as long as there is something to send.
    @Test(arguments: [(32 << 10, 400_000), (256 << 10, 1_100_000)])
    func theKernelHoldsLittleForAClientThatDoesNotRead(_ sendBuffer: Int, _ most: Int) async throws {
        try await ServerFixture.run(channels: ["a": 50], configure: { $0.server.sendBuffer = sendBuffer }) { server in
            let slow = try await WebSocketTestClient(port: server.port, receiveBuffer: 4096)
            try await slow.subscribe("a")
            let quick = try await WebSocketTestClient(port: server.port)
            try await quick.subscribe("a")
            async let reading = LiveConnectionTests.readAll(quick, until: 6000)
            for start in stride(from: 0, to: 6000, by: 40) {
                server.publish(start..<start + 40, to: "a", padding: 1000)
                // What the quick client is given, the slow one is given as far as there is room.
                try await eventually("the pieces to be handed out") {
                    server.router.fanoutSnapshot.deliveries + server.router.fanoutSnapshot.dropped >= Int64(start + 40)
                }
            }
            _ = try await reading
            var old = 0
            while true {
                let message = try await slow.receive()
                if message.type == "gap" { break }
                old += message.text.utf8.count
            }
            #expect(old < most, "\(old) bytes were older than the gap")
        }
    }

    // MARK: Connections

    /// Connects from another address of this machine, sends a handshake, and returns the socket and the answer.
    private static func handshake(from source: String, port: Int) throws -> (descriptor: Int32, answer: String) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        func with(_ host: String, _ port: Int, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) throws {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr(host)
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
            guard result == 0 else { throw SocketFailure(description: "\(host): \(String(cString: strerror(errno)))") }
        }
        try with(source, 0) { bind(descriptor, $0, $1) }
        try with("127.0.0.1", port) { connect(descriptor, $0, $1) }
        let bytes = Array(WebSocketTestClient.handshake().utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        // A refusal comes to its end; an upgrade stops here.
        while !String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 101 ") {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            answer += chunk.prefix(count)
        }
        return (descriptor, String(decoding: answer, as: UTF8.self))
    }

    @Test func oneAddressGetsItsConnectionsAndNoMore() async throws {
        try await ServerFixture.run(loops: 2, configure: { $0.limits.connectionsPerAddress = 5 }) { server in
            var witness = try await Witness(server)
            let port = server.port
            let results = try await withThrowingTaskGroup(of: [(descriptor: Int32, answer: String)].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await offPool { try (0..<10).map { _ in try Self.handshake(from: "127.0.0.2", port: port) } }
                    }
                }
                try await witness.receivesEverything()
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let accepted = results.filter { $0.answer.hasPrefix("HTTP/1.1 101 ") }
            let refused = results.filter { $0.answer.hasPrefix("HTTP/1.1 429 ") }
            #expect(accepted.count == 5 && refused.count == 35)
            #expect(
                refused.allSatisfy { $0.answer.contains("\"code\":\"too_many_connections\"") && $0.answer.header("Retry-After") == "30" })
            #expect(server.refusals(.connectionsPerAddress) == 35)
            for result in refused { close(result.descriptor) }
            // One that leaves makes room for one.
            if let first = accepted.first { close(first.descriptor) }
            // The client has its place back before its address does.
            var next: Int32?
            try await eventually("a place to be free") {
                let result = try await offPool { try Self.handshake(from: "127.0.0.2", port: port) }
                if result.answer.hasPrefix("HTTP/1.1 101 ") { next = result.descriptor } else { close(result.descriptor) }
                return next != nil
            }
            for descriptor in accepted.dropFirst().map(\.descriptor) + [next ?? -1] { close(descriptor) }
            try await witness.receivesEverything()
        }
    }

    @Test func keptAliveHTTPConnectionsAreBounded() async throws {
        try await ServerFixture.run(configure: { $0.limits.httpConnections = 2 }) { server in
            var witness = try await Witness(server)
            let kept = try (0..<2).map { _ in try TestSocket(port: server.port) }
            for socket in kept {
                try await socket.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try await socket.receive(through: "}").hasPrefix("HTTP/1.1 200 "))
            }
            let third = try await request("GET /health/live", port: server.port)
            #expect(third.head.hasPrefix("HTTP/1.1 503 ") && third.body.contains("too_many_http_connections"))
            #expect(third.head.header("Retry-After") != nil && server.refusals(.httpConnections) == 1)
            kept[0].close()
            try await eventually("a place to be free") {
                try await request("GET /health/live", port: server.port).head.hasPrefix("HTTP/1.1 200 ")
            }
            try await witness.receivesEverything()
        }
    }

    @Test func idleHTTPConnectionsAreClosed() async throws {
        try await ServerFixture.run(configure: { $0.server.httpIdleTimeout = .milliseconds(500) }) { server in
            let socket = try TestSocket(port: server.port)
            try await socket.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try await socket.receive(through: "}").hasPrefix("HTTP/1.1 200 "))
            // Part of a request is no request.
            try await socket.send("GET /hea")
            #expect(try await socket.receiveToEnd().isEmpty)
            #expect(server.refusals(.httpIdle) == 1)
        }
    }

    @Test func idleClientsAreClosedAndSubscribersAreNot() async throws {
        try await ServerFixture.run(configure: { $0.server.idleTimeout = .milliseconds(700) }) { server in
            var witness = try await Witness(server)
            let idle = try await WebSocketTestClient(port: server.port)
            let left = try await WebSocketTestClient(port: server.port)
            try await left.subscribe("b")
            #expect(try await idle.receiveClose().closeCode == 4001)
            try await left.send(#"{"type":"unsubscribe","channel":"b"}"#)
            #expect(try await left.receiveClose().closeCode == 4001)
            #expect(server.refusals(.idleTime) == 2)
            try await witness.receivesEverything()
        }
    }

    @Test func everyLimitHasItsOwnLabel() {
        #expect(Set(Limit.allCases.map(\.label)).count == Limit.allCases.count)
        #expect(LimitCounters().snapshot.map(\.limit) == Limit.allCases)
        #expect(Limit.allCases.allSatisfy { !$0.meaning.isEmpty })
    }
}
