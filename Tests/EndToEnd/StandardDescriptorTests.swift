import Foundation
import TestSupport
import Testing

/// Started without standard input, output and error, as some supervisors do, the program got those numbers for its first
/// sockets and files, and what it printed was written into them.
@Suite struct StandardDescriptorTests {
    @Test func closedOnesAreOpenedToNothing() async throws {
        let program = Process()
        program.executableURL = URL(fileURLWithPath: "/bin/sh")
        let path = Bundle.main.bundleURL.appendingPathComponent("patchbay").path
        let routes = FileManager.default.temporaryDirectory.appendingPathComponent("routes-\(UUID().uuidString).yaml")
        try "version: 1\nroutes: [{ topic: t, transform: json, channel: c }]\n".write(to: routes, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: routes) }
        program.arguments = ["-c", "exec \"$0\" demo --config \"$1\" --rate 0 <&- >&- 2>&-", path, routes.path]
        var environment = ProcessInfo.processInfo.environment
        environment["PORT"] = "0"
        environment["ADMIN_PORT"] = "0"
        program.environment = environment
        try program.run()
        defer { kill(program.processIdentifier, SIGKILL) }
        func file(_ number: Int) -> String? {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(program.processIdentifier)/fd/\(number)")
        }
        // The shell is gone, and whatever gets the first numbers has them.
        try await eventually("the program with three descriptors") {
            let image = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(program.processIdentifier)/exe")
            return image?.hasSuffix("/patchbay") == true && (0...2).allSatisfy { file($0) != nil } || !program.isRunning
        }
        #expect(program.isRunning)
        #expect((0...2).map(file) == ["/dev/null", "/dev/null", "/dev/null"])
    }
}
