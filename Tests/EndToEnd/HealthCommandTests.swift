import Foundation
import NIOCore
import NIOHTTP1
import PatchbayKafka
import TestSupport
import Testing

@testable import patchbay

/// `patchbay health`, for people and for supervisors; and the words of errors.
@Suite(.serialized) struct HealthCommandTests {
    private func run(_ arguments: [String], code: Int32, at location: SourceLocation = #_sourceLocation) async throws -> String {
        let program = try PatchbayProgram(arguments)
        let exit = try await program.exitCode()
        #expect(exit == code, "\(arguments) said: \(program.text)", sourceLocation: location)
        return program.text
    }

    /// While no broker answers, a server is unavailable but alive: restarting it helps nobody, and cuts off its clients.
    /// The image's health check could only ask for the first.
    @Test func aServerWithoutBrokersIsAliveAllTheSame() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try PatchbayProgram(
            ["serve", "--config", path],
            environment: ["PORT": "0", "ADMIN_PORT": "0", "KAFKA_BROKERS": "127.0.0.1:1"])
        try await eventually("the port; so far: \(server.text)") { server.text.contains("listening") }
        let port = try #require(server.text.firstMatch(of: /\bport=([0-9]+)/)).output.1
        let health = ["health", "--port", String(port)]
        try await eventually("the brokers to be missed") {
            try await PatchbayProgram(health).exitCode() == 69
        }
        let screen = try await run(health, code: 69)
        #expect(screen.contains("UNAVAILABLE  patchbay at") && screen.contains("`patchbay check --live FILE`"), "\(screen)")
        #expect(try await run(health + ["--live"], code: 0) == "live\n")
        #expect(try await run(health + ["--ready"], code: 69).hasPrefix("not ready: "))
        let json = try await run(health + ["--live", "--format", "json"], code: 0)
        #expect(json.contains("\"status\":\"live\""), "\(json)")
        _ = try await run(health + ["--live", "--ready"], code: 64)
        server.signal(SIGTERM)
        #expect(try await server.exitCode() == 0)
    }

    /// A server that refuses the question says why, in words: "no health report; is it a Patchbay?" hid them.
    @Test func theServersOwnReasonIsSaid() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try "version: 1\nlimits: { http_connections: 1 }\nroutes: [{ topic: t, transform: json, channel: c }]\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try await RunningDemo(path, arguments: ["--rate", "0"])
        let first = try TestSocket(port: demo.port)
        try await first.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _ = try await first.receive(through: "\r\n\r\n")
        for arguments in [[], ["--live"], ["--format", "json"]] {
            let text = try await run(["health", "--port", "\(demo.port)"] + arguments, code: 69)
            #expect(
                text == "patchbay: 127.0.0.1:\(demo.port): there are too many HTTP connections (limits.http_connections); "
                    + "try again later (HTTP status 503)\n")
        }
        first.close()
        try await demo.stop()
    }

    /// Answers were decoded as they came, so a character that two reads share became two replacement characters.
    @Test func anAnswerIsDecodedAsAWhole() async throws {
        let (stream, source) = NIOAsyncChannelInboundStream<HTTPClientResponsePart>.makeTestingStream()
        source.yield(.head(HTTPResponseHead(version: .http1_1, status: .ok)))
        for byte in "{\"a\":\"é 😀\"}".utf8 { source.yield(.body(ByteBuffer(bytes: [byte]))) }
        source.yield(.end(nil))
        source.finish()
        let answer = try await HTTPRequestOnce.answer(stream)
        #expect(answer.status == 200 && answer.body == "{\"a\":\"é 😀\"}")
        #expect(answer.error == nil)
        let escaped = HTTPRequestOnce.Answer(status: 421, body: #"{"error":"not known as \u001b[2Jx","code":"unknown_host"}"#)
        #expect(escaped.error == "not known as \u{FFFD}[2Jx")
    }

    /// On call, two or three kilobytes of JSON on one line were the answer to "what is wrong?".
    @Test func theScreenSaysWhatIsWrongAndWhatToDo() throws {
        let report = """
            {"status":"degraded","reasons":["the configuration file was changed and refused"],"clients":2,"max_clients":10000,
             "uptime_seconds":11530.2,"configuration":{"generation":3,"error":"unknown key","restart_needed":["server.port"]},
             "channels":[{"channel":"trades","subscribers":2,"messages":12,"dropped":1200}],
             "routes":[{"route":"trades","records_rejected":{"missing_field":1,"invalid_json":12345}},{"route":"x","records_rejected":{}}],
             "topics":[{"topic":"trade-info","state":"consuming","lag":5,"partitions":[{}],"records_consumed":1,"records_unreadable":0},
                       {"topic":"t","state":"halted","partitions":[{},{}],"records_consumed":22,"records_unreadable":3}],
             "slow":{"stalled":2,"losing":1,"furthest_behind":1,"subscriptions":[
                {"connection":"c\\u001b[2J1","channel":"trades","behind":1,"stalled_seconds":2.25}]}}
            """
        let object = try #require(try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any])
        #expect(
            HealthScreen(object, address: "h:1").text == """
                DEGRADED  patchbay at h:1, up 3 h 12 min, configuration 3

                Reasons
                  - the configuration file was changed and refused

                Clients
                  2 of 10,000 connected

                Topics
                  trade-info  consuming  lag 5        1 partition   1 record read
                  t           halted     lag unknown  2 partitions  22 records read  3 unreadable

                Slow clients
                  1 subscription loses messages; the slowest is 1 message behind
                  c\u{FFFD}[2J1  on trades  1 message behind  not reading for 2.2 s

                Rejected records
                  trades  invalid_json 12,345, missing_field 1

                Messages dropped
                  trades  1,200 dropped for slow subscribers since the start

                What to do next
                  - `patchbay check FILE` shows every mistake of the file; saving a correct one is enough
                  - restart the process when convenient: some changed settings take effect only then
                  - fix the route that stopped, or the rule that refused the record, and save the file: it retries
                  - ask again in a minute: a lag that falls is catching up; one that grows needs CPU, or a look at the brokers
                  - slow clients: a larger `buffer` of their channel, smaller messages (`pick`), or talk to their owner
                  - the log's `record rejected` lines name such records; `patchbay explain --topic TOPIC RECORD` says why

                """)
        let fine = HealthScreen(["status": "ok", "clients": 0, "slow": ["losing": 0]], address: "h:1").text
        #expect(fine.hasPrefix("OK  patchbay at h:1\n") && fine.contains("- nothing to do\n"), "\(fine)")
    }

    /// `bind(descriptor:ptr:bytes:): Address already in use) (errno: 98)` and `SingleConnectionFailure(target: …)` were what
    /// people read when a port was taken or nobody answered.
    @Test func errorsOfLibrariesAreSaidInWords() async throws {
        #expect(ErrorSentence.of(IOError(errnoCode: EADDRINUSE, reason: "bind(descriptor:ptr:bytes:)")) == "the address is in use")
        #expect(ErrorSentence.of(IOError(errnoCode: ENOTCONN, reason: "x")) == "transport endpoint is not connected")
        #expect(ErrorSentence.of(ChannelError.connectTimeout(.seconds(1))) == "no answer in time")
        #expect(ErrorSentence.of(KafkaError(.other, "no broker")) == "no broker")
        #expect(ErrorSentence.of(HTTPRequestOnce.TimedOut(timeout: .seconds(5))) == "no complete answer within 5 s")
        do {
            try "x".write(toFile: "/nowhere/at/all", atomically: false, encoding: .utf8)
        } catch {
            #expect(ErrorSentence.of(error) == "there is no such file or folder")
        }

        let unused = "\(try Self.unusedPort())"
        let refused = "connection refused: nothing listens there"
        #expect(try await run(["health", "--port", unused], code: 69) == "patchbay: no answer from 127.0.0.1:\(unused): \(refused)\n")
        #expect(
            try await run(["tap", "c", "--url", "ws://127.0.0.1:\(unused)/ws"], code: 69)
                == "patchbay: can't connect to ws://127.0.0.1:\(unused)/ws: \(refused)\n")
        #expect(
            try await run(["reload", "--port", unused], code: 69)
                == "patchbay: no answer from 127.0.0.1:\(unused): \(refused); is admin.enabled set?\n")
        #expect(
            try await run(["health", "--host", "no-such-host.invalid"], code: 69).contains("the host name no-such-host.invalid can't be resolved"))
    }

    /// At start the same: the port that another process has.
    @Test func aTakenPortIsSaidInWords() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try await RunningDemo(path, arguments: ["--rate", "0"])
        for variable in ["PORT", "ADMIN_PORT"] {
            let port = variable == "PORT" ? demo.port : demo.admin
            let second = try PatchbayProgram(
                ["demo", "--config", path], environment: ["PORT": "0", "ADMIN_PORT": "0"].merging([variable: "\(port)"]) { $1 })
            #expect(try await second.exitCode() == 69)
            #expect(second.text.contains(":\(port): the address is in use; is another process using the port?"), "\(second.text)")
            #expect(!second.text.contains("descriptor"), "\(second.text)")
        }
        try await demo.stop()
    }

    @Test func numbersHaveTheirNouns() {
        #expect([0, 1, 2, -1, 1_234_567].map { Counted.text($0, "record") } == ["0 records", "1 record", "2 records", "-1 record", "1,234,567 records"])
        #expect(Counted.text(2, "record was", "records were") == "2 records were")
        #expect([0.04, 9.9, 75, 4000, 90_000].map(HealthScreen.duration) == ["0.0 s", "9.9 s", "1 min 15 s", "1 h 6 min", "1 d 1 h"])
    }

    private static func unusedPort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
            }
        }
        guard result == 0 else { throw SocketFailure(description: "no free port") }
        return Int(in_port_t(bigEndian: address.sin_port))
    }
}
