import Foundation
import TestSupport
import Testing

/// `kafka.max_record: 4MiB` let a record through to transformers that stopped at 1 MiB, whatever the file said.
@Suite struct LargeRecordTests {
    /// In a process of its own, since others measure the memory of this one.
    @Test(arguments: [
        "json", "[{ filter: .b == 1 }]", "[{ filter: '.a | length > 5' }]", "[{ pick: [a, b] }]", "[{ rename: { fields: { z: y } } }]",
    ])
    func transformersTakeWhatTheFileAllows(transform: String) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("large-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: path) }
        let record = #"{"a":""# + String(repeating: "x", count: 2 << 20) + #"","b":1}"#
        try """
        version: 1
        kafka: { max_record: 4MiB }
        routes:
          - topic: t
            transform: \(transform)
            channel: "c.{b}"
            tests: [{ input: '\(record)', expect: [{ channel: c.1 }] }]

        """.write(to: path, atomically: true, encoding: .utf8)
        let program = try PatchbayProgram(["test", path.path])
        let code = try await program.exitCode()
        #expect(code == 0, "\(program.text.prefix(500))")
    }
}
