import Foundation
import PatchbayRuntime
import TestSupport
import Testing

@testable import patchbay

/// `patchbay tap`: what it prints, what it chooses, and what it says when something is wrong.
@Suite(.serialized) struct TapTests {
    private func demo(_ more: String = "") async throws -> RunningDemo {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        let routes = """
            version: 1
            \(more)
            routes:
              - { topic: trade-info, transform: trade, channel: trades }
              - { topic: notes, transform: json, type: note, channel: notes }

            """
        try routes.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await RunningDemo(path, arguments: ["--rate", "0"])
    }

    private func produce(_ demo: RunningDemo, _ record: String) async throws {
        let produce = try PatchbayProgram(["produce", "--brokers", demo.brokers, "--partition", "0", "notes", record])
        #expect(try await produce.exitCode() == 0, "\(produce.text)")
    }

    /// A demo whose channel of notes is known to get what is produced.
    private func flowingDemo() async throws -> RunningDemo {
        let demo = try await demo()
        let tap = try PatchbayProgram(["tap", "notes", "--url", "ws://127.0.0.1:\(demo.port)/ws", "--count", "1"])
        try await eventually("the subscription; so far: \(tap.text)") { tap.text.contains("subscription_confirmed") }
        // What comes before the partitions have their start positions is not read.
        while tap.isRunning { try await produce(demo, #""warming up""#) }
        #expect(try await tap.exitCode() == 0, "\(tap.text)")
        return demo
    }

    /// Starts a tap of notes whose standard output is read by `lines`, produces records once it is subscribed, and awaits
    /// the end.
    private func tap(
        _ demo: RunningDemo, _ options: [String], records: [String], code: Int32 = 0
    ) async throws -> (lines: [String], errors: String) {
        let pipe = Pipe()
        let program = try PatchbayProgram(
            ["tap", "notes", "--url", "ws://127.0.0.1:\(demo.port)/ws"] + options, standardOutput: pipe.fileHandleForWriting)
        try pipe.fileHandleForWriting.close()
        try await eventually("the subscription; so far: \(program.text)") {
            program.text.contains("subscription_confirmed") || !program.isRunning
        }
        for record in records { try await produce(demo, record) }
        #expect(try await program.exitCode() == code, "\(program.text)")
        let bytes = try await offPool { pipe.fileHandleForReading.readDataToEndOfFile() }
        return (String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init), program.text)
    }

    /// Transformers pass records on byte for byte, line breaks included: a pretty-printed record came out as three lines,
    /// none of which was JSON. Numbers and escapes must stay as they were written.
    @Test func aPrettyPrintedRecordIsOneLine() async throws {
        let demo = try await flowingDemo()
        let record = "{\r\n  \"n\": 1.50,\n\t\"text\": \"a \\n b  c\",\n  \"deep\": [ 18446744073709551616 ]\n}"
        let (lines, _) = try await tap(demo, ["--count", "1"], records: [record])
        #expect(lines.count == 1)
        #expect(lines.first?.contains(#""data":{"n":1.50,"text":"a \n b  c","deep":[18446744073709551616]}"#) == true, "\(lines)")
        let topic = try PatchbayProgram(
            ["tap", "--topic", "notes", "--brokers", demo.brokers, "--from", "beginning", "--count", "1", "--grep", "18446744073709551616"])
        #expect(try await topic.exitCode() == 0)
        #expect(topic.text.split(separator: "\n").count == 1 && topic.text.contains(#""value":{"n":1.50,"#), "\(topic.text)")
        try await demo.stop()
    }

    /// To find one record among thousands there was only a pipe through another program.
    @Test func linesAreChosenByConditionAndText() async throws {
        let demo = try await flowingDemo()
        let records = [#"{"level":"info","n":1}"#, #"{"level":"error","n":2}"#, "[1]", #"{"level":"error","n":3}"#]
        let chosen = try await tap(demo, ["--where", #".data.level == "error""#, "--count", "2"], records: records)
        #expect(chosen.lines.map { $0.contains("\"n\":2") || $0.contains("\"n\":3") } == [true, true], "\(chosen.lines)")
        #expect(chosen.errors.contains("lines on which --where fails are left out"), "\(chosen.errors)")
        let found = try await tap(demo, ["--grep", #""n":3"#, "--count", "1"], records: records)
        #expect(found.lines.count == 1 && found.lines[0].contains(#""n":3"#))
        let topic = try PatchbayProgram([
            "tap", "--topic", "notes", "--brokers", demo.brokers, "--from", "beginning", "--count", "1", "--grep", "error",
            "--where", ".value.n == 3",
        ])
        #expect(try await topic.exitCode() == 0)
        #expect(topic.text.contains(#""value":{"level":"error","n":3}"#), "\(topic.text)")
        try await demo.stop()
        let wrong = try PatchbayProgram(["tap", "c", "--where", ".a =="])
        #expect(try await wrong.exitCode() == 64)
        #expect(wrong.text.contains("--where: "), "\(wrong.text)")
    }

    /// A misspelt channel was answered with a line of JSON and "refused the request".
    @Test func aMisspeltChannelIsAnsweredWithTheRightOne() async throws {
        let demo = try await demo()
        for (channel, hint) in [("tradez", "did you mean `trades`?"), ("nothing-like-it", "the channels are `trades`, `notes`")] {
            let program = try PatchbayProgram(["tap", channel, "--url", "ws://127.0.0.1:\(demo.port)/ws"])
            #expect(try await program.exitCode() == 69)
            #expect(program.text.contains("(unknown_channel); \(hint)"), "\(program.text)")
            #expect(!program.text.contains("{"), "\(program.text)")
        }
        // What answers a handshake otherwise says why, too.
        let elsewhere = try PatchbayProgram(["tap", "trades", "--url", "ws://127.0.0.1:\(demo.port)/nowhere"])
        #expect(try await elsewhere.exitCode() == 69)
        #expect(
            elsewhere.text.contains("the server refuses the WebSocket connection: ")
                && elsewhere.text.contains("HTTP status 404"), "\(elsewhere.text)")
        try await demo.stop()
    }

    /// `tap --url ws://[::1]:8080/ws` and `health --host ::1` failed: one passed the brackets on to the resolver, the other
    /// left them out of `Host`.
    @Test func addressesMayBeIPv6() async throws {
        let demo = try await demo("server: { host: \"::1\" }")
        for host in ["::1", "[::1]"] {
            for question in [[], ["--live"]] {
                let program = try PatchbayProgram(["health", "--host", host, "--port", "\(demo.port)"] + question)
                #expect(try await program.exitCode() == 0, "\(program.text)")
            }
        }
        let tap = try PatchbayProgram(["tap", "tradez", "--url", "ws://[::1]:\(demo.port)/ws"])
        #expect(try await tap.exitCode() == 69)
        #expect(tap.text.contains("ws://[::1]:\(demo.port)/ws: ") && tap.text.contains("did you mean `trades`?"), "\(tap.text)")
        try await demo.stop()
    }

    /// Who copied the address of the page, or wrote `localhost:8080`, was told that it must be of the form ws://host:port/path.
    @Test func addressesAreTakenAsPeopleHaveThem() async throws {
        for (text, port, address) in [
            ("a", nil, "a:7"), ("a:1", nil, "a:1"), ("a:1", 1, "a:1"), ("a", 2, "a:2"), ("::1", nil, "[::1]:7"), ("[::1]", nil, "[::1]:7"),
            ("[::1]:1", nil, "[::1]:1"), ("http://a", 3, "a:3"), ("http://a:1/", nil, "a:1"), ("http://[::1]:1", nil, "[::1]:1"),
        ] as [(String, Int?, String)] {
            #expect(try ServerAddress.option(text, port: port) { 7 }.text == address, "\(text)")
        }
        for (text, port) in [("", nil), ("a:1", 2), ("a:x", nil), ("a:0", nil), ("https://a", nil), ("http://a/docs", nil), ("a b", nil)]
            as [(String, Int?)]
        {
            #expect(throws: (any Error).self, "\(text)") { try ServerAddress.option(text, port: port) { 7 } }
        }
        let demo = try await demo()
        for url in ["http://127.0.0.1:\(demo.port)", "http://127.0.0.1:\(demo.port)/", "127.0.0.1:\(demo.port)"] {
            let tap = try PatchbayProgram(["tap", "tradez", "--url", url])
            #expect(try await tap.exitCode() == 69)
            #expect(tap.text.contains("did you mean `trades`?"), "\(tap.text)")
        }
        for host in ["127.0.0.1:\(demo.port)", "http://127.0.0.1:\(demo.port)/"] {
            let health = try PatchbayProgram(["health", "--live", "--host", host])
            #expect(try await health.exitCode() == 0, "\(health.text)")
            let reload = try PatchbayProgram(["reload", "--dry-run", "--host", host.replacing("\(demo.port)", with: "\(demo.admin)")])
            // The file is gone, which the server says.
            #expect(try await reload.exitCode() == 78, "\(reload.text)")
        }
        try await demo.stop()
        let tls = try PatchbayProgram(["tap", "x", "--url", "https://a"])
        #expect(try await tls.exitCode() == 64)
        #expect(tls.text.contains("can't connect with TLS"), "\(tls.text)")
    }

    /// `tap --where '.SellBuy == "buy"'` waited for ever: a message's fields are below `.data`, and a field that isn't there is null.
    @Test func fieldsThatNoLineHasAreTold() async throws {
        let demo = try await flowingDemo()
        let records = (1...6).map { #"{"level":"\#($0 == 6 ? "end" : "info")"}"# }
        let taken = try await tap(demo, ["--where", #".level == "end" or .data.level == "end""#, "--count", "1"], records: records)
        #expect(
            taken.errors.contains(
                "patchbay: --where asks for `.level`, which none of the first 5 lines has; did you mean `.data.level`?\n"),
            "\(taken.errors)")
        #expect(taken.errors.matches(of: /--where asks/).count == 1, "\(taken.errors)")
        try await demo.stop()
    }

    /// A comparison of two texts passes every line or none, and was taken. The hint says where a message's fields are.
    @Test func constantsAreNotCompared() async throws {
        for (condition, topic, hint) in [
            (#"SellBuy == "buy""#, false, "did you mean `.data.SellBuy`?"),
            (#""SellBuy" == "buy""#, false, #"did you mean `.data.SellBuy == "buy"`?"#),
            (#""SellBuy" == "buy""#, true, #"did you mean `.value.SellBuy == "buy"`?"#),
            ("1 == 1", false, "compare a field, as `.data.name == 1`"),
            (#"channel == "x""#, false, "did you mean `.channel`?"), (#"type == "trade_data""#, false, "did you mean `.type`?"),
            ("offset > 5", true, "did you mean `.offset`?"), (#"5 < "Price""#, true, "did you mean `5 < .value.Price`?"),
        ] {
            let program = try PatchbayProgram(["tap"] + (topic ? ["--topic", "t"] : ["c"]) + ["--where", condition])
            #expect(try await program.exitCode() == 64)
            #expect(program.text.contains(hint), "\(program.text)")
        }
    }
}
