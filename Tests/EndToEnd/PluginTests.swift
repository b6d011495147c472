import Foundation
import PatchbayConfig
import PatchbayHTTP
import PatchbayPlugins
import TestSupport
import Testing

@testable import PatchbayRuntime

/// Plugins in a running router, and what the program does for their authors.
@Suite(.serialized) struct PluginTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plugin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// The folder of the program under test first, so that documents can say `patchbay`.
    private static func path() -> String {
        "\(Bundle.main.bundleURL.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"
    }

    /// Compiles what `plugin new` writes, its data called by another name.
    private func compile(_ folder: URL, member: String, to path: String) async throws {
        let source = try #require(PluginScaffold.files("sizer", in: .c).first)
        let text = source.text.replacing("{\\\"bytes\\\":", with: "{\\\"\(member)\\\":")
        try text.write(to: folder.appendingPathComponent("sizer.c"), atomically: true, encoding: .utf8)
        let header = Self.root.appendingPathComponent("Sources/CPatchbayPlugin/include").path
        let result = try await ExternalProgram.run(
            ["clang", "-shared", "-fPIC", "-I", header, "-o", path, folder.appendingPathComponent("sizer.c").path])
        try #require(result.status == 0, "\(result.said)")
    }

    /// The plugin that does to its process what records say.
    private static func trouble(in folder: URL) async throws -> String {
        let library = folder.appendingPathComponent("trouble.so").path
        let header = root.appendingPathComponent("Sources/CPatchbayPlugin/include").path
        let source = root.appendingPathComponent("Tests/PatchbayPluginsTests/Plugins/trouble.c").path
        let compiled = try await ExternalProgram.run(["clang", "-std=c11", "-shared", "-fPIC", "-I", header, "-o", library, source])
        try #require(compiled.status == 0, "\(compiled.said)")
        return library
    }

    /// A changed plugin is taken up, and what can't be loaded changes nothing.
    @Test func aReloadTakesUpAChangedPlugin() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let library = folder.appendingPathComponent("sizer.so").path
        try await compile(folder, member: "first", to: library)
        let routes = """
            plugins: [{ path: \(library) }]
            routes: [{ topic: token-info, transform: sizer, channel: sized }]
            """
        try await RunningRouter.run(routes: routes) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("sized")
            try kafka.produce("token-info", ["[1]"])
            #expect(try await client.receive().data == #"{"first":3,"record":[1]}"#)
            // In place, as a compiler or `cp` writes.
            try await compile(folder, member: "second", to: library)
            let report = await router.service.reloader.reload(.request)
            #expect(report.changes.map(\.kind) == ["route", "plugin"], "\(report.text)")
            try kafka.produce("token-info", ["[2]"])
            #expect(try await client.receive().data == #"{"record":[2],"second":3}"#)

            try Data("half a file".utf8).write(to: URL(fileURLWithPath: library))
            let refused = await router.service.reloader.reload(.request)
            #expect(refused.isRefusal && refused.text.contains("is neither a shared library nor a WebAssembly module"), "\(refused.text)")
            try kafka.produce("token-info", ["[3]", "no json"])
            #expect(try await client.receive().data == #"{"record":[3],"second":3}"#)
            try await eventually("the record that is no JSON to be rejected") {
                router.figures(of: "token-info")?.recordsRejected["invalid_json"] == 1
            }
        }
    }

    /// A crash and a hang cost a record each; what was killed is there again, and other routes go on.
    @Test func anIsolatedPluginThatBreaksCostsItsRecord() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let library = try await Self.trouble(in: folder)
        let routes = """
            plugins: [{ path: \(library), isolate: process, deadline: 300ms }]
            routes:
              - { topic: token-info, transform: trouble, channel: isolated }
              - { topic: trade-info, transform: json, channel: plain }
            """
        try await RunningRouter.run(routes: routes) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("isolated")
            let other = try await WebSocketTestClient(port: router.port)
            try await other.subscribe("plain")
            try kafka.produce("token-info", ["1", "\"crash\"", "2", "\"hang\"", "3", "\"process number\""])
            try kafka.produce("trade-info", ["{}"])
            /// What comes of records: ticks go on all the while.
            func next() async throws -> String {
                while true {
                    let data = try await client.receive().data
                    if data != "\"tick\"" { return data }
                }
            }
            for expected in ["1", "2", "3"] { #expect(try await next() == expected) }
            #expect(try await other.receive().data == "{}")
            try await eventually("the records that break it to be rejected") {
                router.figures(of: "token-info")?.recordsRejected["plugin_failed"] == 2
            }
            let number = try #require(Int(try await next()))
            kill(pid_t(number - 1_000_000_000), SIGKILL)
            try kafka.produce("token-info", ["4"])
            #expect(try await next() == "4")
        }
    }

    /// On call sees which plugin breaks, why, and what it costs.
    @Test func healthAndMetricsShowHowAPluginFares() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let library = try await Self.trouble(in: folder)
        let routes = """
            plugins: [{ path: \(library), isolate: process, deadline: 5s }]
            routes:
              - { topic: token-info, transform: [json, trouble], channel: isolated }
              - { topic: trade-info, transform: json, channel: plain }
            """
        try await RunningRouter.run(routes: routes) { kafka, router in
            func get(_ path: String) async throws -> String {
                let socket = try TestSocket(port: router.port)
                defer { socket.close() }
                try await socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return String(decoding: try await socket.receiveToEnd(), as: UTF8.self)
            }
            let labels = "{route=\"token-info\",transformer=\"trouble\",plugin=\"\(library)\"}"
            func metric(_ name: String) async throws -> Double? {
                try await get("/metrics").split(separator: "\n").first { $0.hasPrefix("patchbay_plugin_\(name)\(labels) ") }
                    .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
            }
            func plugin() throws -> HealthReport.Plugin { try #require(router.figures(of: "token-info")?.plugins?.first) }

            // From the beginning: a rate needs a first value.
            #expect(try await metric("failures_total") == 0)
            #expect(try await metric("batch_seconds_count") == 0)
            #expect(try plugin().plugin == library && plugin().runsIn == "process" && plugin().batches == 0)
            #expect(router.figures(of: "trade-info")?.plugins == nil)

            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("isolated")
            func next() async throws -> String {
                while true {
                    let data = try await client.receive().data
                    if data != "\"tick\"" { return data }
                }
            }
            try kafka.produce("token-info", ["\"process number\""])
            let number = try await next()
            let process = try #require(Int(number)) - 1_000_000_000
            let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            let resident = try #require(status.firstMatch(of: /VmRSS:\s+([0-9]+) kB/).flatMap { Double($0.output.1) }) * 1024
            let memory = try await metric("memory_bytes")
            let shown = try #require(memory)
            #expect(abs(shown - resident) < 1_048_576, "\(shown) of \(resident) bytes")
            #expect(try plugin().instances == 1 && plugin().failures == 0 && plugin().restarts == 0)

            try kafka.produce("token-info", ["1", "\"crash\"", "2"])
            for expected in ["1", "2"] { #expect(try await next() == expected) }
            try await eventually("the record that breaks it to be rejected") {
                router.figures(of: "token-info")?.recordsRejected["plugin_failed"] == 1
            }
            let figures = try plugin()
            #expect(figures.failures >= 2 && figures.restarts >= 1 && figures.lastFailure == "crashed (signal 11)", "\(figures)")
            #expect(try await metric("failures_total").map { Int64($0) } == figures.failures)
            #expect(try await metric("restarts_total").map { Int64($0) } == figures.restarts)
            #expect(try await metric("failing") == 0)
            #expect(router.service.health.status == .ok, "\(router.service.health.reasons)")
            let body = try await get("/health")
            #expect(body.contains("\"last_failure\":\"crashed (signal 11)\"") && body.contains("\"memory_bytes\":"), "\(body)")
            #expect(try await metric("batch_seconds_count") == Double(try plugin().batches))

            // Nothing but records that break it.
            for count in 2...6 {
                try kafka.produce("token-info", ["\"crash\""])
                try await eventually("the record to be rejected") {
                    router.figures(of: "token-info")?.recordsRejected["plugin_failed"] == Int64(count)
                }
            }
            let health = router.service.health
            #expect(health.status == .degraded)
            #expect(
                health.reasons.contains {
                    $0.hasPrefix("plugin \(library) has failed ")
                        && $0.contains(" batches in a row on route token-info: it crashed (signal 11); ")
                }, "\(health.reasons)")
            #expect(try await metric("failing") == 1)

            // Counts go on across a reload that builds the route again, and so does the plugin.
            let before = try plugin().failures
            try await router.reload(routes.replacing("deadline: 5s", with: "deadline: 6s"))
            try kafka.produce("token-info", ["3"])
            #expect(try await next() == "3")
            try await eventually("it to be well again") { router.service.health.status == .ok }
            #expect(try plugin().failures == before && plugin().instances == 1)
            try await router.reload(routes.replacing("[json, trouble]", with: "json"))
            #expect(router.figures(of: "token-info")?.plugins == nil)
            #expect(try await metric("failures_total") == nil)
        }
    }

    /// What `make setup` fetches; tests use it where it is.
    private static let wasmtime = root.appendingPathComponent("Sources/CPatchbayPlugin/vendor/libwasmtime.so").path
    private static let hasWasmtime = FileManager.default.fileExists(atPath: wasmtime)

    /// A trap and an endless loop cost a record each; the others are delivered, and other routes go on.
    @Test(.enabled(if: Self.hasWasmtime, "skipped: no wasmtime; `make setup` fetches it"))
    func aModuleThatTrapsCostsItsRecord() async throws {
        setenv(WasmLibrary.variable, Self.wasmtime, 1)
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let module = folder.appendingPathComponent("sandboxed.wasm").path
        let own = Self.root.appendingPathComponent("Sources/CPatchbayPlugin")
        let source = Self.root.appendingPathComponent("Tests/PatchbayPluginsTests/Plugins/sandboxed.c").path
        let compiled = try await ExternalProgram.run([
            "clang", "--target=wasm32", "-std=c11", "-O2", "-mbulk-memory", "-nostdlib", "-Wl,--no-entry", "-I",
            own.appendingPathComponent("include").path, "-I", own.appendingPathComponent("wasm").path, "-o", module, source,
            own.appendingPathComponent("wasm/patchbay_wasm.c").path,
        ])
        try #require(compiled.status == 0, "\(compiled.said)")
        let routes = """
            plugins: [{ path: \(module), deadline: 200ms, memory: 4MiB }]
            routes:
              - { topic: token-info, transform: sandboxed, channel: sandboxed }
              - { topic: trade-info, transform: json, channel: plain }
            """
        try await RunningRouter.run(routes: routes) { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("sandboxed")
            let other = try await WebSocketTestClient(port: router.port)
            try await other.subscribe("plain")
            try kafka.produce("token-info", ["1", "\"trap\"", "2", "\"hang\"", "3", "\"bomb\"", "4"])
            try kafka.produce("trade-info", ["{}"])
            /// What comes of records: ticks go on all the while.
            func next() async throws -> String {
                while true {
                    let data = try await client.receive().data
                    if data != "\"tick\"", data != "\"late\"" { return data }
                }
            }
            for expected in ["1", "2", "3", "4"] { #expect(try await next() == expected) }
            #expect(try await other.receive().data == "{}")
            try await eventually("the records that break it to be rejected") {
                router.figures(of: "token-info")?.recordsRejected["plugin_failed"] == 3
            }
            let figures = try #require(router.figures(of: "token-info")?.plugins?.first)
            #expect(figures.runsIn == "webassembly" && figures.failures >= 3 && figures.restarts >= 3, "\(figures)")
            #expect(figures.memoryBytes.map { (65_536...4 << 20).contains($0) } == true, "\(figures)")
        }
    }

    /// A router without wasmtime runs, and says what is missing when a file asks for it.
    @Test func aModuleWithoutWasmtimeIsAFinding() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data([0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]).write(to: folder.appendingPathComponent("x.wasm"))
        func check(_ plugins: String) async throws -> (Int32, String) {
            let routes = folder.appendingPathComponent("routes.yaml")
            try "version: 1\n\(plugins)routes: [{ topic: a, transform: json, channel: c }]\n".write(
                to: routes, atomically: true, encoding: .utf8)
            let program = try PatchbayProgram(["check", routes.path], environment: [WasmLibrary.variable: "/nowhere/libwasmtime.so"])
            return (try await program.exitCode(), program.text)
        }
        let asked = try await check("plugins: [{ path: x.wasm }]\n")
        #expect(asked.0 == 78, "\(asked.1)")
        #expect(asked.1.contains("plugin `x.wasm` needs wasmtime, which isn't installed: WASMTIME_LIBRARY names /nowhere/libwasmtime.so"))
        #expect(asked.1.contains("`make build` puts libwasmtime.so beside the program"), "\(asked.1)")
        #expect(try await check("").0 == 0)
    }

    @Test(arguments: PluginScaffold.Language.allCases)
    func whatPluginNewWritesBuildsAndPassesItsTest(_ language: PluginScaffold.Language) async throws {
        if language == .rust {
            let rust = try await ExternalProgram.run(["sh", "-c", "command -v rustc"])
            guard rust.status == 0 else { return print("skipped: no rustc") }
        }
        if language == .cWasm || language == .swiftWasm, !Self.hasWasmtime {
            return print("skipped: no wasmtime; `make setup` fetches it")
        }
        setenv(WasmLibrary.variable, Self.wasmtime, 1)
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let script = "patchbay plugin new --language \(language.rawValue) sizer && cd sizer && make && make test"
        let result = try await ExternalProgram.run(["env", "PATH=\(Self.path())", "sh", "-c", script], in: folder)
        #expect(result.status == 0, "\(result.said)")
        #expect(result.output.contains("ok    sizer: its examples come out as it says"), "\(result.said)")
        #expect(result.output.contains("ns per record"), "\(result.said)")
        let again = try await ExternalProgram.run(
            ["env", "PATH=\(Self.path())", "patchbay", "plugin", "new", "--language", "c", "sizer"], in: folder)
        #expect(again.status == 69, "nothing is written over: \(again.said)")
    }

    /// What is asked for wrongly is told before anything is done, in one message.
    @Test func whatPluginCommandsCantDoIsSaid() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let library = folder.appendingPathComponent("sizer.so").path
        try await compile(folder, member: "bytes", to: library)
        func output(_ code: Int32, _ arguments: String...) async throws -> String {
            let program = try PatchbayProgram(["plugin"] + arguments)
            #expect(try await program.exitCode() == code, "\(program.text)")
            return program.text
        }
        for options in ["{", "[]", "word"] {
            #expect(try await output(64, "test", library, "--options", options).contains("--options must be a JSON object"))
        }
        #expect(
            try await output(1, "test", library, "--options", #"{"max_byte":5}"#)
                .contains("not tried: --options has an option `max_byte`, which isn't described; did you mean `max_bytes`?"))
        let misplaced = try await output(69, "test", folder.path)
        #expect(misplaced.contains("it is a folder; give the plugin's file") && misplaced.split(separator: "\n").count == 1, "\(misplaced)")
        #expect(try await output(64, "new", "--language", "c", "json").contains("Patchbay has a transformer `json` itself"))
        for name in ["x_", "a__b", "_x", "", "1a"] {
            #expect(try await output(64, "new", "--language", "c", name).contains("must be lower-case words"))
        }
        let again = try await ExternalProgram.run(
            ["env", "PATH=\(Self.path())", "sh", "-c", "mkdir there && patchbay plugin new --language c there"], in: folder)
        #expect(again.status == 69 && again.said.contains("there is there already: give the plugin another name"), "\(again.said)")
    }

    /// A plugin that crashes, hangs or ends the process fails its check, and the checker lives.
    @Test func aPluginThatCrashesIsTold() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let source = try #require(PluginScaffold.files("sizer", in: .c).first).text
        let header = Self.root.appendingPathComponent("Sources/CPatchbayPlugin/include").path
        let place = "const pb_bytes *value = &pb_record_at(batch, number)->value;"
        for (crime, words) in [
            ("((volatile uint8_t *)(uintptr_t)value->data.at)[0] = 1;", "signal 11 ended the process"),
            (
                "if (value->length && ((volatile const uint8_t *)value->data.at)[value->length] == 7) return 1;",
                "signal 11 ended the process"
            ),
            ("exit(3);", "it ended the process with code 3"),
            ("for (volatile int forever = 1; forever;) {}", "it didn't return within 2.0 s"),
        ] {
            let file = folder.appendingPathComponent("sizer.c")
            try #require(source.contains(place))
            try source.replacing(place, with: "\(place)\n\(crime)").write(to: file, atomically: true, encoding: .utf8)
            let built = try await ExternalProgram.run(
                ["clang", "-shared", "-fPIC", "-I", header, "-o", "sizer.so", "sizer.c"], in: folder)
            try #require(built.status == 0, "\(built.said)")
            let program = try PatchbayProgram(["plugin", "test", "--timeout", "2", folder.appendingPathComponent("sizer.so").path])
            #expect(try await program.exitCode() == 1)
            #expect(program.text.contains("FAIL  sizer: ") && program.text.contains(words), "\(crime): \(program.text)")
        }
    }

    /// AddressSanitizer sees what a plugin does to its own memory, and finds nothing in the examples.
    @Test func pluginsAreTestedUnderAddressSanitizer() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let header = Self.root.appendingPathComponent("Sources/CPatchbayPlugin/include")
        func test(_ compile: [String], _ more: [String] = []) async throws -> (code: Int32, text: String) {
            let built = try await ExternalProgram.run(compile, in: folder)
            try #require(built.status == 0, "\(built.said)")
            let program = try PatchbayProgram(["plugin", "test", folder.appendingPathComponent("plugin.so").path] + more)
            return (try await program.exitCode(), program.text)
        }
        let c = ["clang", "-std=c11", "-g", "-O1", "-fsanitize=address", "-shared", "-fPIC", "-I", header.path, "-o", "plugin.so"]
        let mask = Self.root.appendingPathComponent("Plugins/Examples/mask-c/mask.c").path
        let masked = try await test(c + [mask])
        #expect(masked.code == 0 && masked.text.contains("plugin.so: ok, "), "\(masked.text)")
        let shared = try await test(c + ["-shared-libasan", mask])
        #expect(shared.code == 0, "\(shared.text)")
        let lookup = Self.root.appendingPathComponent("Plugins/Examples/lookup-swift").path
        let swift = try await test(
            [
                "swiftc", "-g", "-sanitize=address", "-parse-as-library", "-emit-library", "-module-name", "lookup",
                "-import-objc-header", header.appendingPathComponent("patchbay_plugin.h").path, "-o", "plugin.so", "\(lookup)/Lookup.swift",
            ], ["--options", #"{"table":"\#(lookup)/customers.csv","field":"customer"}"#])
        #expect(swift.code == 0, "\(swift.text)")

        let source = try #require(PluginScaffold.files("sizer", in: .c).first).text
        let place = "const pb_bytes *value = &pb_record_at(batch, number)->value;"
        try #require(source.contains(place))
        try source.replacing(
            place, with: "\(place)\nvolatile char *own = malloc(4);\nif (own) own[4 + value->length % 1] = 1;\nfree((void *)own);"
        ).replacing("#include \"patchbay_plugin.h\"", with: "#include <stdlib.h>\n#include \"patchbay_plugin.h\"")
            .write(to: folder.appendingPathComponent("plugin.c"), atomically: true, encoding: .utf8)
        let wrong = try await test(c + ["plugin.c"])
        #expect(wrong.code == 1 && wrong.text.contains("heap-buffer-overflow") && wrong.text.contains("FAIL  sizer: "), "\(wrong.text)")
    }

    /// The guide is followed as it stands.
    @Test(.enabled(if: Self.hasWasmtime, "skipped: no wasmtime; `make setup` fetches it"))
    func thePluginGuideLeadsToARunningPlugin() async throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("docs/plugins.md"), encoding: .utf8)
        var script = "set -e\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n"
        let blocks = text.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        var count = 0
        for block in blocks where block.hasPrefix("sh") {
            count += 1
            let lines = block.split(separator: "\n").dropFirst().joined(separator: "\n")
            // What runs in a terminal of its own is waited for as a reader would: until it answers.
            script +=
                block.hasPrefix("sh background\n")
                ? "(\(lines)) >demo.log 2>&1 &\nuntil patchbay health >/dev/null 2>&1; do sleep 0.1; done\n" : lines + "\n"
        }
        #expect(count == 7)
        setenv(WasmLibrary.variable, Self.wasmtime, 1)
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let ports = try (ListeningSocket.unusedPort(), ListeningSocket.unusedPort())
        let result = try await ExternalProgram.run(
            ["env", "PATH=\(Self.path())", "PORT=\(ports.0)", "ADMIN_PORT=\(ports.1)", "timeout", "240", "bash", "-c", script], in: folder)
        let log = (try? String(contentsOf: folder.appendingPathComponent("add_size/demo.log"), encoding: .utf8)) ?? ""
        #expect(result.status == 0, "\(result.said)\n\(log)")
        #expect(result.output.contains("\"bytes\":") && result.output.contains("\"size\":"), "\(result.said)")
    }

    /// Tools outside of the router know what a plugin has.
    @Test func schemaAndConfigKnowThePlugin() async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await compile(folder, member: "bytes", to: folder.appendingPathComponent("sizer.so").path)
        let routes = folder.appendingPathComponent("routes.yaml")
        try """
        version: 1
        plugins: [{ path: sizer.so }]
        routes: [{ topic: t, transform: { sizer: { max_bytes: 77 } }, channel: c }]
        """.write(to: routes, atomically: true, encoding: .utf8)
        func output(_ arguments: String...) async throws -> String {
            let program = try PatchbayProgram(arguments)
            #expect(try await program.exitCode() == 0, "\(program.text)")
            return program.text
        }
        #expect(try await output("schema", "--config", routes.path).contains("Says how long a record is"))
        #expect(try await !output("schema").contains("sizer"))
        let shown = try await output("config", "show", "--config", routes.path)
        #expect(shown.contains("max_bytes: 77") && shown.contains("path: sizer.so"), "\(shown)")
        let explained = try await output("explain", "--config", routes.path, "--topic", "t", "[1]")
        #expect(explained.contains("step 1, sizer"), "\(explained)")
        #expect(try await output("plugin", "header").hasPrefix("// The contract between Patchbay and a plugin"))
    }
}
