import Foundation
import TestSupport
import Testing

@testable import PatchbayRuntime

/// Processes of plugins beside a running program.
@Suite(.serialized) struct IsolatedPluginTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func compile(_ source: String, to path: String, _ flags: [String]) async throws {
        let header = root.appendingPathComponent("Sources/CPatchbayPlugin/include").path
        let result = try await ExternalProgram.run(["clang", "-std=c11", "-I", header, "-o", path] + flags + [source])
        try #require(result.status == 0, "\(result.said)")
    }

    private static func trouble(to path: String) async throws {
        let source = root.appendingPathComponent("Tests/PatchbayPluginsTests/Plugins/trouble.c").path
        try await compile(source, to: path, ["-shared", "-fPIC"])
    }

    private static func routes(_ more: String = "") -> String {
        """
        version: 1
        reload: { watch: false }
        plugins: [{ path: trouble.so, isolate: process\(more) }]
        routes: [{ name: n, topic: notes, transform: trouble, channel: c }]

        """
    }

    private static func demo(_ more: String = "") async throws -> RunningProgramTests.Demo {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trouble-\(UUID().uuidString).so")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await trouble(to: folder.path)
        return try await RunningProgramTests.Demo {
            try FileManager.default.copyItem(at: folder, to: $0.appendingPathComponent("trouble.so"))
            try routes(more).write(to: $0.appendingPathComponent("routes.yaml"), atomically: true, encoding: .utf8)
        }
    }

    /// Processes of plugins, those that have ended and wait to be buried left out.
    private static func helpers(of router: Int32) -> [Int32] {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        return numbers.filter { number in
            let fields = Self.stat(number)
            return fields.count > 1 && fields[1] == "\(router)" && fields[0] != "Z" && Self.name(number).hasPrefix("patchbay-plugin")
        }
    }

    private static func contents(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&part, 1, part.count, file), count > 0 { bytes += part[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func name(_ process: Int32) -> String { contents("/proc/\(process)/comm") }

    /// Its state, its parent, and what follows.
    private static func stat(_ process: Int32) -> [Substring] {
        contents("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
    }

    private static func isAlive(_ process: Int32) -> Bool { !["Z", "X", nil].contains(stat(process).first) }

    /// However the router ends, and whatever its plugins are doing.
    @Test(arguments: [(SIGTERM, "\"fine\""), (SIGKILL, "\"fine\""), (SIGTERM, "\"hang\""), (SIGKILL, "\"spin\"")])
    func noProcessOutlivesTheRouter(_ signal: Int32, _ record: String) async throws {
        let demo = try await Self.demo(", deadline: 60s")
        try await demo.produce("notes", "\"first\"")
        try await eventually("a process of the plugin") { !Self.helpers(of: demo.program.identifier).isEmpty }
        let before = Self.helpers(of: demo.program.identifier)
        if record != "\"fine\"" {
            try await demo.produce("notes", record)
            // Both keep a core busy: pause() is refused.
            try await eventually("the plugin to hang") { Self.stat(before[0]).first == "R" }
        }
        let helpers = Self.helpers(of: demo.program.identifier)
        demo.program.signal(signal)
        let code = try await demo.program.exitCode()
        #expect(signal == SIGKILL ? code == -SIGKILL : record == "\"hang\"" || code == 0, "\(demo.program.text)")
        try await eventually("the plugin's process to end") { !helpers.contains(where: Self.isAlive) }
    }

    /// Reloads that build the route again, crashes and refused files leave nothing open.
    @Test func reloadsLeakNothing() async throws {
        let demo = try await Self.demo()
        let router = demo.program.identifier
        /// What there is for plugins: descriptors, mappings, processes.
        func used() -> [Int] {
            let folder = "/proc/\(router)/fd"
            let links = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
            }
            let maps = Self.contents("/proc/\(router)/maps").split(separator: "\n").filter { $0.contains("memfd:patchbay-plugin") }
            return [
                links.count, links.count { $0.contains("memfd:patchbay-plugin") }, links.count { $0.contains("memfd:trouble.so") },
                links.count { $0.contains("pidfd") }, maps.count, Self.helpers(of: router).count,
            ]
        }
        var consumed = 0
        func produce(_ record: String) async throws {
            try await demo.produce("notes", record)
            consumed += 1
            try await eventually("the record to be read") { try await demo.health().contains("\"records_in\":\(consumed),") }
        }
        func reload(_ round: Int) async throws {
            try demo.write(Self.routes(", deadline: \(round)s"))
            let report = try await demo.reload()
            #expect(report.code == 0, "\(report.text)")
            try await produce(round % 2 == 0 ? "\"crash\"" : "2")
        }
        try await produce("1")
        // The files of the first configuration and of the last one but one are still there.
        for round in 2...4 { try await reload(round) }
        try await produce("3")
        var before: [Int] = []
        try await eventually("one process; there is \(used())") {
            before = used()
            return before.dropFirst() == [1, 3, 1, 1, 1]
        }
        for round in 5...10 { try await reload(round) }
        try demo.write(Self.routes(", memory: 1B"))
        #expect(try await demo.reload().code != 0)
        try await produce("3")
        try await eventually("what there was before, \(before), and there is \(used())") {
            let now = used()
            // Connections come and go.
            return now.dropFirst() == before.dropFirst() && now[0] <= before[0] + 2
        }
        try await demo.stop()
    }

    /// In some containers the kernel refuses what isolation needs.
    @Test(arguments: [
        ("seccomp", "", 78, "can't be confined: the kernel refuses seccomp with error 1"),
        ("seccomp", ", sandbox: optional", 0, ""),
        ("memfd_create", "", 78, "can't be loaded: memfd_create says error 1"),
        ("pidfd_open", "", 78, "can't be started: pidfd_open says error 1"),
        ("landlock_create_ruleset", "", 0, ""),
    ])
    func whereTheKernelRefusesItIsSaid(_ call: String, _ option: String, _ code: Int, _ words: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("refused-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await Self.trouble(to: folder.appendingPathComponent("trouble.so").path)
        try Self.routes(option).write(to: folder.appendingPathComponent("routes.yaml"), atomically: true, encoding: .utf8)
        let source = folder.appendingPathComponent("refuse.c")
        try """
        #include <errno.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stddef.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(int count, char **arguments) {
            struct sock_filter program[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_\(call), 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            struct sock_fprog all = {sizeof program / sizeof *program, program};
            if (count < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all)) return 99;
            execv(arguments[1], arguments + 1);
            return 98;
        }
        """.write(to: source, atomically: true, encoding: .utf8)
        let launcher = folder.appendingPathComponent("refuse").path
        try await Self.compile(source.path, to: launcher, [])
        let patchbay = Bundle.main.bundleURL.appendingPathComponent("patchbay").path
        let result = try await ExternalProgram.run(
            [launcher, patchbay, "check", folder.appendingPathComponent("routes.yaml").path])
        #expect(Int(result.status) == code && (words.isEmpty || result.said.contains(words)), "\(result.status): \(result.said)")
    }
}
