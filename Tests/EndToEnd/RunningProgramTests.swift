import Foundation
import PatchbayKafka
import TestSupport
import Testing

@testable import PatchbayRuntime

/// What operators do to the files of a running program, and what it makes of them.
@Suite(.serialized) struct RunningProgramTests {
    /// `patchbay demo` without a feed, with a routes file in a folder of its own.
    final class Demo: Sendable {
        let folder: URL
        let program: PatchbayProgram
        let port: Int
        let admin: Int
        let brokers: String

        var path: String { folder.appendingPathComponent("routes.yaml").path }

        /// - Parameter prepare: puts `routes.yaml` into the folder.
        init(environment: [String: String] = [:], _ prepare: (URL) throws -> Void) async throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("running-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try prepare(folder)
            let program = try PatchbayProgram(
                ["demo", "--config", folder.appendingPathComponent("routes.yaml").path, "--rate", "0"],
                environment: ["PORT": "0", "ADMIN_PORT": "0"].merging(environment) { $1 })
            // A group that is new begins with records that come after it has its partitions.
            try await eventually("the partitions; so far: \(program.text)") {
                program.text.contains("/health") && program.text.contains("partitions assigned") || !program.isRunning
            }
            guard let port = program.text.firstMatch(of: /localhost:([0-9]+)\/ws/).flatMap({ Int($0.output.1) }),
                let admin = program.text.firstMatch(of: /admin_port=([0-9]+)/).flatMap({ Int($0.output.1) }),
                let brokers = program.text.firstMatch(of: /Kafka +(\S+)/)?.output.1
            else { throw SocketFailure(description: "no addresses in: \(program.text)") }
            (self.folder, self.program, self.port, self.admin, self.brokers) = (folder, program, port, admin, String(brokers))
        }

        convenience init(_ routes: String, environment: [String: String] = [:]) async throws {
            try await self.init(environment: environment) {
                try routes.write(to: $0.appendingPathComponent("routes.yaml"), atomically: true, encoding: .utf8)
            }
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func write(_ text: String, atomically: Bool = true) throws {
            try text.write(toFile: path, atomically: atomically, encoding: .utf8)
        }

        func produce(_ topic: String, _ value: String) async throws {
            let program = try PatchbayProgram(["produce", "--brokers", brokers, topic, value])
            #expect(try await program.exitCode() == 0, "\(program.text)")
        }

        /// What `patchbay reload` says, and its exit code.
        func reload(_ more: String...) async throws -> (code: Int32, text: String) {
            let program = try PatchbayProgram(["reload", "--port", "\(admin)"] + more)
            return (try await program.exitCode(), program.text)
        }

        func health() async throws -> String {
            let program = try PatchbayProgram(["health", "--port", "\(port)", "--format", "json"])
            _ = try await program.exitCode()
            return program.text
        }

        func stop() async throws {
            program.signal(SIGTERM)
            #expect(try await program.exitCode() == 0)
        }
    }

    private static func routes(_ channel: String, watch: Bool = true) -> String {
        "version: 1\nreload: { watch: \(watch) }\nroutes:\n  - { name: n, topic: notes, transform: json, channel: \(channel) }\n"
    }

    /// Anyone who reached the admin port could post a candidate with `${DATABASE_PASSWORD}` as a channel, a type or a part of a
    /// filter, and read the value in the dry run's answer; a preview even told the values of `${file:…}`.
    @Test func aDryRunShowsNoValueOfAVariable() async throws {
        let own = """
            version: 1
            reload: { watch: false }
            routes:
              - { name: n, topic: notes, transform: json, channel: one }
              - { name: old, topic: notes, transform: json, channel: "${HIDDEN}.old" }

            """
        let demo = try await Demo(own, environment: ["HIDDEN": "hunter2"])
        try await demo.produce("notes", #"{"a":1}"#)
        func preview(_ text: String, code: Int32? = 0) async throws -> String {
            let path = demo.folder.appendingPathComponent("candidate-\(UUID().uuidString).txt").path
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let (exit, said) = try await demo.reload("--dry-run", path, "--format", "json")
            #expect(code == nil || exit == code, "\(said)")
            return said
        }
        // What goes shows no value either.
        try await eventually("a record to try") {
            try await preview(own.replacingOccurrences(of: "channel: one", with: "channel: two")).contains("\"channel\"")
        }
        for route in [
            "transform: json, channel: \"${HIDDEN}\"", "transform: json, channel: \"${HIDDEN:-x}.{a}\"",
            "transform: json, channel: one, type: \"${HIDDEN}\"",
            "name: \"${HIDDEN}\", transform: json, channel: one", "transform: { filter: { where: '.x == \"${HIDDEN}\"' } }, channel: one",
            "transform: { rename: { fields: { a: \"${HIDDEN}\" } } }, channel: one",
            "transform: json, channel: one, on_error: dead_letter, dead_letter: \"${HIDDEN}\"",
        ] {
            let said = try await preview("version: 1\nroutes:\n  - { topic: notes, \(route) }\n")
            #expect(!said.contains("hunter2"), "\(route): \(said)")
            #expect(said.contains("\"routes_left_out\""), "\(route): \(said)")
        }
        for line in [
            "kafka: { group: \"${HIDDEN}\" }", "server: { host: \"${HIDDEN}\" }", "kafka: { brokers: \"${HIDDEN}:1\" }",
            "admin: { host: \"${HIDDEN}\" }", "kafka: { properties: { client.id: \"${HIDDEN}\" } }",
        ] {
            let said = try await preview(own + line + "\n")
            #expect(!said.contains("hunter2"), "\(line): \(said)")
        }
        for line in [
            "server: { port: \"${HIDDEN}\" }", "include: \"${HIDDEN}.yaml\"", "alerts: { webhook: { url: \"${HIDDEN}\" } }",
            "kafka: { brokers: \"${HIDDEN}\" }", "defaults: { on_error: \"${HIDDEN}\" }", "server: { allowed_origins: \"${HIDDEN}\" }",
        ] {
            let said = try await preview(own + line + "\n", code: nil)
            #expect(!said.contains("hunter2"), "\(line): \(said)")
        }
        // The file itself may have such a mistake, and everybody may read why it is refused.
        try demo.write(own + "server: { port: \"${HIDDEN}\" }\n")
        let (code, said) = try await demo.reload()
        #expect(code == 78 && said.contains("port") && !said.contains("hunter2"), "\(said)")
        // The channel that the operator named after the variable is there for everybody, of course.
        let health = try await demo.health().replacingOccurrences(of: "hunter2.old", with: "")
        #expect(!health.contains("hunter2"), "\(health)")
        try await demo.stop()
    }

    @Test func aChangeIsTakenUpWhicheverWayItIsMade() async throws {
        let files = FileManager.default
        // As Kubernetes mounts a ConfigMap: routes.yaml → ..data/routes.yaml, ..data → a folder per version.
        let demo = try await Demo { folder in
            try files.createDirectory(at: folder.appendingPathComponent("..v1"), withIntermediateDirectories: true)
            try Self.routes("one").write(
                to: folder.appendingPathComponent("..v1/routes.yaml"), atomically: false, encoding: .utf8)
            try files.createSymbolicLink(atPath: folder.appendingPathComponent("..data").path, withDestinationPath: "..v1")
            try files.createSymbolicLink(
                atPath: folder.appendingPathComponent("routes.yaml").path, withDestinationPath: "..data/routes.yaml")
        }
        func takenUp(_ generation: Int, _ channel: String) async throws {
            try await eventually("generation \(generation); so far: \(demo.program.text)") {
                demo.program.text.contains("generation=\(generation)")
            }
            let client = try await WebSocketTestClient(port: demo.port)
            try await client.subscribe(channel)
            client.socket.close()
        }
        // The swap of Kubernetes: a new folder, a new link, and a rename over the old link.
        try files.createDirectory(at: demo.folder.appendingPathComponent("..v2"), withIntermediateDirectories: true)
        try Self.routes("two").write(
            to: demo.folder.appendingPathComponent("..v2/routes.yaml"), atomically: false, encoding: .utf8)
        let fresh = demo.folder.appendingPathComponent("..data_tmp").path
        try files.createSymbolicLink(atPath: fresh, withDestinationPath: "..v2")
        #expect(rename(fresh, demo.folder.appendingPathComponent("..data").path) == 0)
        try await takenUp(2, "two")
        // In place, through the links.
        let handle = try #require(FileHandle(forWritingAtPath: demo.path))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(Self.routes("three").utf8))
        try handle.close()
        try await takenUp(3, "three")
        // By a rename, as editors do.
        try demo.write(Self.routes("four"))
        try await takenUp(4, "four")
        #expect(demo.program.text.components(separatedBy: "trigger=\"file change\"").count - 1 == 3, "\(demo.program.text)")
        try await demo.stop()
    }

    /// Steps 5 to 7 of the README's tour.
    @Test func aTopicIsAddedAMistakeIsMadeAndPutRightWhileClientsStay() async throws {
        let first = "version: 1\nroutes:\n  - topic: trade-info\n    transform: trade\n    channel: dashboard\n"
        let notes = "  - topic: notes\n    transform: json\n    channel: notes\n"
        let demo = try await Demo(first)
        let client = try await WebSocketTestClient(port: demo.port)
        try await client.subscribe("dashboard")

        try demo.write(first + notes)
        try await eventually("the log to say so") { demo.program.text.contains("configuration reloaded") }
        try await client.subscribe("notes")
        try await demo.produce("notes", #"{"hello":"world"}"#)
        let note = try await client.receive()
        #expect(note.channel == "notes" && note.data == #"{"hello":"world"}"#)

        try demo.write(first + notes.replacingOccurrences(of: "channel", with: "chanel"))
        let line = "\(demo.path):8:5: unknown key `chanel` (did you mean `channel`?)"
        try await eventually("the log to say what is wrong; so far: \(demo.program.text)") {
            demo.program.text.contains("configuration rejected") && demo.program.text.contains(line)
        }
        let bad = try await demo.health()
        #expect(bad.contains(#""status":"degraded""#) && bad.contains("unknown key `chanel`"), "\(bad)")
        try await demo.produce("notes", #"{"still":"here"}"#)
        #expect(try await client.receive().data == #"{"still":"here"}"#)

        try demo.write(first + notes)
        try await eventually("the log to say so; so far: \(demo.program.text)") {
            demo.program.text.contains("the file matches the running configuration again")
        }
        let good = try await demo.health()
        #expect(good.contains(#""status":"ok""#) && !good.contains("chanel"), "\(good)")
        try await demo.produce("notes", #"{"and":"now"}"#)
        #expect(try await client.receive().data == #"{"and":"now"}"#)

        let candidate = demo.folder.appendingPathComponent("new.yaml")
        try (first + notes.replacingOccurrences(of: "channel: notes", with: "channel: hello"))
            .write(to: candidate, atomically: true, encoding: .utf8)
        let preview = try await demo.reload("--dry-run", candidate.path)
        #expect(preview.code == 0, "\(preview)")
        for part in [
            "would be applied (dry run); generation 2", "+ channel hello", "- channel notes",
            "topic notes: 3 of the last 3 records would change", "channel hello: +3",
        ] { #expect(preview.text.contains(part), "no \(part) in: \(preview.text)") }
        #expect(try await demo.health().contains(#""generation":2"#))
        client.socket.close()
        try await demo.stop()
    }

    /// With the watcher on, the server's own file was in force before anybody could ask what it would change.
    @Test func aCandidateIsLookedAtInThePlaceOfTheFile() async throws {
        let demo = try await Demo(Self.routes("one"))
        func preview(_ text: String, code: Int32) async throws -> String {
            let path = demo.folder.appendingPathComponent("candidate-\(UUID().uuidString).txt").path
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let (exit, said) = try await demo.reload("--dry-run", path)
            #expect(exit == code, "\(said)")
            return said
        }
        #expect(try await preview(Self.routes("two"), code: 0).contains("+ channel two"))
        let wrong = try await preview(Self.routes("two").replacingOccurrences(of: "channel", with: "chanel"), code: 78)
        #expect(wrong.contains("would be refused") && wrong.contains("candidate:4:47: error: unknown key `chanel`"), "\(wrong)")
        #expect(wrong.contains("did you mean `channel`?") && wrong.contains("^"))
        #expect(try await preview("", code: 78).contains("candidate"))
        // What is relative is so to the server's file.
        try FileManager.default.createDirectory(at: demo.folder.appendingPathComponent("conf.d"), withIntermediateDirectories: true)
        try "routes: [{ topic: more, transform: json, channel: more }]\n".write(
            to: demo.folder.appendingPathComponent("conf.d/more.yaml"), atomically: true, encoding: .utf8)
        #expect(try await preview(Self.routes("one") + "include: conf.d/*.yaml\n", code: 0).contains("+ channel more"))
        // Who may ask need not be somebody who may read the machine's files.
        let secret = FileManager.default.temporaryDirectory.appendingPathComponent("secret-\(UUID().uuidString)")
        try "hunter2: x\n".write(to: secret, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: secret) }
        for line in ["include: \(secret.path)", "kafka: { group: \"${file:\(secret.path)}\" }"] {
            let said = try await preview(Self.routes("one") + line + "\n", code: 78)
            #expect(said.contains("can only read files below") && !said.contains("hunter2"), "\(said)")
        }
        // What only a restart can change: a preview said "would be applied", a reload "nothing changed".
        let waiting = try await preview(Self.routes("one") + "server: { max_clients: 77 }\n", code: 0)
        #expect(waiting.contains("would change nothing without a restart") && waiting.contains("server.max_clients"), "\(waiting)")

        #expect(try await demo.reload("candidate.txt").code == 64)
        let gone = try await demo.reload("--dry-run", "/nowhere/at-all.yaml")
        #expect(gone.code == 78 && gone.text.contains("no such file"))
        #expect(try await demo.health().contains(#""generation":1"#))
        try await demo.stop()
    }

    // MARK: Hostile input

    /// Texts with one thing wrong, and a word that says what.
    private static let hostile: [(name: String, text: String, says: String)] = {
        let rest = "routes: [{ topic: notes, transform: json, channel: one }]\n"
        var bomb = "version: 1\n" + rest + "l0: &l0 [x]\n"
        for level in 1...9 {
            bomb += "l\(level): &l\(level) [\(Array(repeating: "*l\(level - 1)", count: 10).joined(separator: ","))]\n"
        }
        let wide = (0..<60_000).map { "  - { topic: t\($0), transform: json, channel: c }\n" }.joined()
        return [
            ("tab", "version: 1\nroutes:\n\t- topic: a\n", "a tab can't be used here"),
            ("cycle", "version: 1\nroutes: &a [{ topic: t, transform: json, channel: c, tests: *a }]\n", "is inside the value"),
            ("twice", "version: 1\nversion: 1\n" + rest, "is given twice"),
            ("bomb", bomb, "more than 250000 values"),
            ("wide", "version: 1\nroutes:\n" + wide, "more than 250000 values"),
            ("large", String(repeating: " ", count: 10 << 20), "larger than"),
        ]
    }()

    /// Loading takes a fraction of a second and tens of megabytes; a debug build on a busy machine gets more.
    private static let mostSeconds = 20.0
    private static let mostMegabytes = 200

    @Test func aHostileFileAtStartIsOneFindingInBoundedTimeAndMemory() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hostile-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = Bundle.main.bundleURL.appendingPathComponent("patchbay").path
        // The peak of a program that has ended, which only its parent is told.
        let script = """
            import resource, subprocess, sys
            code = subprocess.run(sys.argv[1:]).returncode
            print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, "code", code)
            """
        for (name, text, says) in Self.hostile {
            let path = folder.appendingPathComponent("\(name).yaml").path
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let start = ContinuousClock.now
            let result = try await ExternalProgram.run(["/usr/bin/python3", "-c", script, program, "serve", "--config", path])
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            #expect(seconds < Self.mostSeconds, "\(name)")
            let match = try #require(result.output.firstMatch(of: /peak ([0-9]+) code ([0-9]+)/), "\(result.said)")
            #expect(match.output.2 == "78", "\(name): \(result.said)")
            #expect(Int(match.output.1) ?? .max < Self.mostMegabytes, "\(name): \(match.output.1) MB")
            #expect(result.said.contains(says) && result.said.contains("1 error in "), "\(name): \(result.said.prefix(2000))")
        }
    }

    @Test func aHostileFileAtReloadIsOneFindingAndWhatRanGoesOn() async throws {
        let good = Self.routes("one", watch: false)
        let demo = try await Demo(good)
        let client = try await WebSocketTestClient(port: demo.port)
        try await client.subscribe("one")
        // What running takes anyway is taken by now.
        try await demo.produce("notes", #"{"n":0}"#)
        #expect(try await client.receive().data == #"{"n":0}"#)
        let before = try demo.program.peakMegabytes()
        for (name, text, says) in Self.hostile + [("gone", "", "no such file")] {
            if name == "gone" {
                try FileManager.default.removeItem(atPath: demo.path)
            } else {
                try demo.write(text)
            }
            let start = ContinuousClock.now
            let (code, said) = try await demo.reload()
            #expect((ContinuousClock.now - start) / .seconds(1) < Self.mostSeconds, "\(name)")
            #expect(code == 78 && said.contains("refused; generation 1 stays active"), "\(name): \(said.prefix(2000))")
            #expect(said.contains(says) && said.components(separatedBy: "error: ").count == 2, "\(name): \(said.prefix(2000))")
            try await demo.produce("notes", "{\"after\":\"\(name)\"}")
            #expect(try await client.receive().data == "{\"after\":\"\(name)\"}")
        }
        #expect(try demo.program.peakMegabytes() - before < Self.mostMegabytes)
        try demo.write(good)
        let healed = try await demo.reload()
        #expect(healed.code == 0 && healed.text.contains("nothing changed; generation 1"), "\(healed.text)")
        client.socket.close()
        try await demo.stop()
    }

    // MARK: Several clusters

    @Test func oneProgramTakesRecordsOfTwoClusters() async throws {
        let (here, there) = (try TestKafka(topics: [("notes", 2)]), try TestKafka(topics: [("notes", 2), ("audit", 1)]))
        defer { here.close() }
        defer { there.close() }
        let properties = EmbeddedKafka.consumerProperties.map { "\($0.name): \"\($0.value)\"" } + ["auto.offset.reset: earliest"]
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("two-\(UUID().uuidString).yaml").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try """
        version: 1
        server: { host: 127.0.0.1, port: 0 }
        admin: { port: 0 }
        kafka:
          brokers: "\(here.brokers)"
          group: two
          properties: { \(properties.joined(separator: ", ")) }
          clusters:
            other: { brokers: "\(there.brokers)", properties: { \(properties.joined(separator: ", ")) } }
        routes:
          - { name: here, topic: notes, transform: json, channels: [here, both] }
          - { name: there, topic: notes, cluster: other, transform: json, channels: [there, both] }
          - { name: audit, topic: ^aud.*, cluster: other, transform: json, channel: audit }
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let program = try PatchbayProgram(["serve", "--config", path])
        try await eventually("the port; so far: \(program.text)") { program.text.contains("admin_port=") || !program.isRunning }
        let port = try #require(program.text.firstMatch(of: /\ port=([0-9]+)/).flatMap { Int($0.output.1) }, "\(program.text)")
        let client = try await WebSocketTestClient(port: port)
        for channel in ["here", "there", "both", "audit"] { try await client.subscribe(channel) }
        for number in 0..<10 {
            try here.produce("notes", ["{\"here\":\(number)}"], partition: Int32(number % 2))
            try there.produce("notes", ["{\"there\":\(number)}"], partition: Int32(number % 2))
        }
        try there.produce("audit", [#"{"audit":0}"#])
        var received: [String: [String]] = [:]
        while received.values.map(\.count).reduce(0, +) < 41 {
            let message = try await client.receive()
            received[message.channel, default: []].append(message.data)
        }
        let ofHere = (0..<10).map { "{\"here\":\($0)}" }, ofThere = (0..<10).map { "{\"there\":\($0)}" }
        #expect(received["here"]?.sorted() == ofHere)
        #expect(received["there"]?.sorted() == ofThere)
        #expect(received["both"]?.sorted() == ofHere + ofThere)
        #expect(received["audit"] == [#"{"audit":0}"#])
        client.socket.close()
        program.signal(SIGTERM)
        #expect(try await program.exitCode() == 0)
    }

    // MARK: The command line

    @Test(arguments: [
        (["chek"], "there is no command `chek`; did you mean `check`?"),
        (["relaod", "--dry-run"], "did you mean `reload`?"),
        (["routes", "dif", "a", "b"], "there is no command `routes dif`; did you mean `routes diff`?"),
        (["quite-another-thing"], "the commands are `serve`, `demo`"),
        (["check", "--formt", "json"], "Did you mean '--format'?"),
        (["serve", "--confg", "x"], "Did you mean '--config'?"),
    ])
    func aMisspeltWordGetsAHint(words: [String], hint: String) async throws {
        let program = try PatchbayProgram(words)
        #expect(try await program.exitCode() == 64)
        #expect(program.text.contains(hint), "\(program.text)")
    }
}

extension PatchbayProgram {
    /// The most memory it has had so far.
    fileprivate func peakMegabytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
        let match = try #require(status.firstMatch(of: /VmHWM:\s+([0-9]+) kB/))
        return try #require(Int(match.output.1)) / 1024
    }
}
