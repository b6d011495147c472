import Foundation
import TestSupport
import Testing

/// The program as users run it: exit codes, messages, signals.
@Suite(.serialized) struct CommandLineTests {
    typealias Program = PatchbayProgram

    private func temporaryFile(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private let routes = "version: 1\nroutes:\n  - { topic: trade-info, transform: trade, channel: dashboard }\n"

    @Test func aBadFileIsExit78WithEveryFinding() async throws {
        let path = try temporaryFile(
            "version: 1\nkafka: { propertees: {} }\nroutes:\n  - { topic: t, transform: trde, chanel: x }\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        for command in ["serve", "demo"] {
            let program = try Program([command, "--config", path])
            #expect(try await program.exitCode() == 78)
            for text in ["\(path):2:", "`properties`", "\(path):4:", "`trade`", "`channel`"] {
                #expect(program.text.contains(text), "no \(text) in: \(program.text)")
            }
        }
    }

    /// Findings of librdkafka came only when the rest of the file was right, without line, caret and hint; a bad webhook
    /// had no place at all.
    @Test func whatIsForOthersIsJudgedAtItsPlaceBesideAllOtherMistakes() async throws {
        let path = try temporaryFile(
            """
            version: 1
            kafka:
              properties:
                fetch.wait.max.ms: soon
                secruity.protocol: plaintext
                sasl.pasword: hunter2
              clusters:
                audit: { brokers: "a:1", properties: { max.poll.interval.ms: 5000 } }
            alerts:
              webhook:
                url: hooks.example.com/hunter2
                headers: { Host: hunter2 }
            routes:
              - { topic: trade-info, transform: trade, chanel: dashboard }

            """)
        defer { try? FileManager.default.removeItem(at: URL(fileURLWithPath: path)) }
        let program = try Program(["serve", "--config", path])
        #expect(try await program.exitCode() == 78)
        for part in [
            ":4:24: error: property `fetch.wait.max.ms`: Invalid value", "    fetch.wait.max.ms: soon\n                           ^",
            ":5:5: error: librdkafka has no property `secruity.protocol`\n        secruity.protocol: plaintext\n        ^",
            "did you mean `security.protocol`?",
            ":6:5: error: librdkafka has no property `sasl.pasword`\n  hint: did you mean `sasl.password`?",
            ":8:66: error: property `max.poll.interval.ms`", ":11:10: error: `url` must begin with http:// or https://\n  hint",
            ":12:16: error: the header Host can't be set\n  hint", ":14:44: error: unknown key `chanel`", "7 errors",
        ] { #expect(program.text.contains(part), "no \(part) in: \(program.text)") }
        #expect(!program.text.contains("hunter2"))
        let variable = try Program(["check", path], environment: ["ALERT_WEBHOOK_URL": "ftp://hunter2"])
        #expect(try await variable.exitCode() == 78)
        #expect(variable.text.contains("ALERT_WEBHOOK_URL: must be http or https") && !variable.text.contains("hunter2"))
    }

    @Test func badVariablesAreExit78AndNamed() async throws {
        let path = try temporaryFile(routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for (name, value) in [("PORT", "99999"), ("MAX_CLIENTS", "many"), ("LOG_LEVEL", "loud")] {
            let program = try Program(["serve", "--config", path], environment: [name: value])
            #expect(try await program.exitCode() == 78)
            #expect(program.text.contains(name), "\(program.text)")
        }
    }

    /// `PORT=abc patchbay demo` blamed routes.yaml, where nothing was wrong.
    @Test func aBadVariableIsNotBlamedOnTheFile() async throws {
        let path = try temporaryFile(routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let program = try Program(["demo", "--config", path], environment: ["PORT": "abc"])
        #expect(try await program.exitCode() == 78)
        #expect(
            program.text == """
                error: PORT=abc: must be a whole number between 1 and 65535, or 0 (any free port)
                  hint: for example `PORT=8080`
                1 error in the environment

                """, "\(program.text)")
        let check = try Program(["check", path, "--format", "json"], environment: ["PORT": "abc"])
        #expect(try await check.exitCode() == 78)
        #expect(check.text.contains("\"variable\" : \"PORT\"") || check.text.contains("\"variable\":\"PORT\""), "\(check.text)")
    }

    /// `--brokers 127.0.0.1:KAFKA_PORT`, as it stands in the README, went to librdkafka, which took the word for port 0 and tried for
    /// ten seconds. What can't be brokers is refused before anything is tried, in every command that takes some.
    @Test(arguments: [["produce", "t", "1"], ["tap", "--topic", "t"], ["init", "--from-topic", "t", "--output", "-"]])
    func brokersThatCannotBeAreRefused(command: [String]) async throws {
        let port = try Program(command + ["--brokers", "127.0.0.1:KAFKA_PORT"])
        #expect(try await port.exitCode() == 64)
        #expect(
            port.text.contains("--brokers: `127.0.0.1:KAFKA_PORT` must be `host:port`; `KAFKA_PORT` is not a port: put its number there")
                && port.text.contains("a demo prints its brokers"), "\(port.text)")
        for (wrong, hint) in [
            ("localhost", "add the port: `localhost:9092`"), ("ssl://a:1", "use `--property security.protocol=…`"),
            ("a:1 b:2", "`--brokers=kafka1:9092,kafka2:9092`"), ("a:1,b", "`b` must be"), ("a:0", "between 1 and 65535"),
            ("", "must be `host:port`"),
        ] {
            let program = try Program(command + ["--brokers", wrong])
            #expect(try await program.exitCode() == 64)
            #expect(program.text.contains(hint), "\(wrong): \(program.text)")
        }
        let variable = try Program(command, environment: ["KAFKA_BROKERS": "a:1,b:c"])
        #expect(try await variable.exitCode() == 78)
        #expect(variable.text.contains("KAFKA_BROKERS: `b:c` must be `host:port`"), "\(variable.text)")
    }

    /// `routes test` answered "the commands are `diff`", and a typo listed a command for contributors that `--help` hides.
    @Test func aMisplacedCommandIsFound() async throws {
        for (arguments, hint) in [
            (["routes", "test"], "there is no command `routes test`; did you mean `patchbay test`?"),
            (["diff"], "did you mean `patchbay routes diff`?"),
            (["show"], "did you mean `patchbay config show`?"), (["tset"], "there is no command `tset`; did you mean `test`?"),
            (["frobnicate"], "`health`, `plugin`\n"), (["refernce"], "the commands are `serve`"),
            (["routes", "frobnicate"], "the commands are `diff`"),
        ] {
            let program = try Program(arguments)
            #expect(try await program.exitCode() == 64)
            #expect(program.text.contains(hint) && !program.text.contains("`reference`"), "\(program.text)")
        }
        let help = try Program(["routes", "--help"])
        #expect(try await help.exitCode() == 0)
        #expect(help.text.contains("`patchbay test` runs the tests"), "\(help.text)")
    }

    /// A pseudo-terminal: what is written to `keyboard` is what somebody types.
    private struct Terminal {
        let keyboard: FileHandle
        let screen: FileHandle

        init() throws {
            // What posix_openpt, grantpt and unlockpt do; Glibc's module doesn't have them.
            let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY)
            var (locked, number) = (Int32(0), Int32(0))
            let (unlock, getNumber) = (UInt(0x4004_5431), UInt(0x8004_5430))
            guard descriptor >= 0, ioctl(descriptor, unlock, &locked) == 0, ioctl(descriptor, getNumber, &number) == 0 else {
                throw SocketFailure(description: "no terminal: errno \(errno)")
            }
            let name = "/dev/pts/\(number)"
            keyboard = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            let other = open(name, O_RDWR | O_NOCTTY)
            guard other >= 0 else { throw SocketFailure(description: "can't open the terminal: errno \(errno)") }
            screen = FileHandle(fileDescriptor: other, closeOnDealloc: true)
        }
    }

    /// `patchbay produce TOPIC` at a terminal waited without a word, as if it hung. Pipes get no such line.
    @Test func whoTypesIsToldWhatIsRead() async throws {
        let path = try temporaryFile(routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for (arguments, sentence) in [
            (
                ["produce", "--brokers", "127.0.0.1:1", "t"],
                "patchbay: reading records for t from standard input, one per line; end with Ctrl-D\n"
            ),
            (["explain", "--config", path, "--topic", "t", "-"], "patchbay: reading the record from standard input; end with Ctrl-D\n"),
        ] {
            let terminal = try Terminal()
            let program = try Program(arguments, standardInput: terminal.screen)
            try await eventually("the sentence; so far: \(program.text)") { program.text.contains(sentence) || !program.isRunning }
            #expect(program.text.contains(sentence), "\(program.text)")
            try terminal.keyboard.write(contentsOf: [4])
            #expect(try await program.exitCode() == (arguments[0] == "produce" ? 0 : 1), "\(program.text)")
            let piped = try Program(arguments, input: "")
            _ = try await piped.exitCode()
            #expect(!piped.text.contains("Ctrl-D"), "\(piped.text)")
        }
    }

    /// A replay writes, so somebody at a terminal is asked; any answer but yes writes nothing.
    @Test(arguments: [("y\n", Int32(0), "1 letter replayed: 1 to trades"), ("\n", 1, "nothing was replayed")])
    func aReplayAsksBeforeItWrites(answer: String, code: Int32, said: String) async throws {
        let kafka = try TestKafka(topics: [("trades", 1), ("dead", 1)])
        defer { kafka.close() }
        try TestLetter(value: "{}").write(to: "dead", of: kafka)
        let file = try RoutesFile(brokers: kafka.brokers, group: "g")
        try file.write("routes: [{ topic: trades, transform: trade, channel: c, on_error: dead_letter, dead_letter: dead }]")
        let terminal = try Terminal()
        let program = try Program(["dead-letter", "replay", "--config", file.path], standardInput: terminal.screen)
        try await eventually("the question; so far: \(program.text)") { program.text.contains("[y/N]") || !program.isRunning }
        #expect(program.text.contains("replay 1 letter of dead, 1 to trades? [y/N] "), "\(program.text)")
        try terminal.keyboard.write(contentsOf: Data(answer.utf8))
        #expect(try await program.exitCode() == code, "\(program.text)")
        #expect(program.text.contains(said), "\(program.text)")
    }

    @Test func aWrongCommandLineIsExit64() async throws {
        for arguments in [["serve", "--confg", "x"], ["nonsense"], ["demo", "--rate", "-5"], ["produce"]] {
            #expect(try await Program(arguments).exitCode() == 64, "\(arguments)")
        }
    }

    @Test func aTakenPortIsExit69() async throws {
        let path = try temporaryFile(routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let first = try Program(["demo", "--config", path], environment: ["PORT": "0", "ADMIN_PORT": "0"])
        let port = try await self.port(of: first)
        let second = try Program(["demo", "--config", path], environment: ["PORT": "\(port)", "ADMIN_PORT": "0"])
        #expect(try await second.exitCode() == 69)
        #expect(second.text.contains("can't listen"))
        first.signal(SIGTERM)
        #expect(try await first.exitCode() == 0)
    }

    @Test func tappingNobodyIsExit69() async throws {
        let program = try Program(["tap", "x", "--url", "ws://127.0.0.1:\(try ListeningSocket.unusedPort())/ws"])
        #expect(try await program.exitCode() == 69)
        #expect(program.text.contains("can't connect"))
        #expect(try await Program(["tap", "x", "--url", "wss://nowhere"]).exitCode() == 64)
    }

    @Test func healthOfNobodyIsExit69() async throws {
        let socket = try #require(try? ListeningSocket.unusedPort())
        let program = try Program(["health", "--port", "\(socket)"])
        #expect(try await program.exitCode() == 69)
        #expect(program.text.contains("no answer"))
    }

    @Test func producingToNobodyIsExit69() async throws {
        let program = try Program(["produce", "--brokers", "127.0.0.1:\(try ListeningSocket.unusedPort())", "--timeout", "1", "t", "1"])
        #expect(try await program.exitCode() == 69)
        #expect(program.text.contains("1 record was not accepted") && program.text.contains("Connection refused"))
    }

    /// The README's tour: the demo runs, a client sees the feed, `produce` adds a record, SIGTERM ends it all with 0.
    @Test func theDemoServesItsFeedAndProducedRecords() async throws {
        let path = try temporaryFile(
            routes + "  - { topic: notes, transform: json, type: note, channel: notes }\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try Program(["demo", "--config", path, "--rate", "100"], environment: ["PORT": "0", "ADMIN_PORT": "0"])
        let port = try await self.port(of: demo)
        let brokers = try #require(demo.text.firstMatch(of: /Kafka +(\S+)/)).output.1
        let client = try await WebSocketTestClient(port: port)
        try await client.subscribe("dashboard")
        for _ in 0..<20 { #expect(try await client.receive().type == "trade_data") }
        try await client.send(#"{"type":"unsubscribe","channel":"dashboard"}"#)
        while try await client.receive().type != "subscription_confirmed" {}
        try await client.subscribe("notes")
        let produced = try Program(
            ["produce", "--brokers", String(brokers), "notes", "-"], input: "{\"a\":1}\n\n{\"a\":2}\n")
        #expect(try await produced.exitCode() == 0)
        #expect(produced.text.contains("2 records written to notes"))
        var notes: Set<String> = []
        for _ in 0..<2 { notes.insert(try await client.receive().data) }
        #expect(notes == [#"{"a":1}"#, #"{"a":2}"#])
        let tap = try Program(["tap", "dashboard", "--url", "ws://127.0.0.1:\(port)/ws", "--count", "3"])
        #expect(try await tap.exitCode() == 0)
        #expect(tap.text.split(separator: "\n").count { $0.contains("\"trade_data\"") } == 3, "\(tap.text)")
        let lost = try Program(["tap", "nothing", "--url", "ws://127.0.0.1:\(port)/ws"])
        #expect(try await lost.exitCode() == 69)
        #expect(lost.text.contains("unknown_channel"))
        let health = try Program(["health", "--port", "\(port)"])
        #expect(try await health.exitCode() == 0)
        #expect(health.text.contains("OK  patchbay at 127.0.0.1:\(port)"), "\(health.text)")
        demo.signal(SIGTERM)
        #expect(try await client.receive().type == "server_shutdown")
        #expect(try await client.receiveClose().closeCode == 1001)
        client.socket.close()
        #expect(try await demo.exitCode() == 0)
    }

    @Test func aSecondSignalEndsItAtOnce() async throws {
        let path = try temporaryFile(routes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let demo = try Program(["demo", "--config", path], environment: ["PORT": "0", "ADMIN_PORT": "0", "DRAIN_TIMEOUT": "9s"])
        let port = try await self.port(of: demo)
        // Holds up the drain: it never answers the close frame.
        let silent = try await WebSocketTestClient(port: port)
        demo.signal(SIGINT)
        try await eventually("the shutdown to begin") { demo.text.contains("shutting down") }
        demo.signal(SIGINT)
        #expect(try await demo.exitCode() == 130)
        silent.socket.close()
    }

    private func port(of program: Program) async throws -> Int {
        try await eventually("the address to be printed; so far: \(program.text)") {
            program.text.contains("/health") || !program.isRunning
        }
        guard let match = program.text.firstMatch(of: /localhost:([0-9]+)\/ws/), let port = Int(match.output.1) else {
            throw SocketFailure(description: "no address in: \(program.text)")
        }
        return port
    }
}
