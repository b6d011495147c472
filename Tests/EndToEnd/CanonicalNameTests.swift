import Foundation
import TestSupport
import Testing

/// "é" may be written as one character or as "e" with an accent. Swift's strings hold both for equal, and names were
/// compared as such: a subscriber of one channel got the records of the other, a reload and `routes diff` saw no change
/// when one became the other, `check` called them duplicates, and `test` passed with the wrong one.
@Suite(.serialized) struct CanonicalNameTests {
    private static let one = "caf\u{E9}"
    private static let other = "cafe\u{301}"

    private func run(_ arguments: String...) async throws -> (code: Int32, text: String) {
        let program = try PatchbayProgram(arguments)
        return (try await program.exitCode(), program.text)
    }

    private func file(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("names-\(UUID().uuidString).yaml").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private static func routes(_ channel: String) -> String {
        "version: 1\nroutes:\n  - { name: n, topic: notes, transform: json, channel: \(channel) }\n"
    }

    /// Two channels, two keys under `channels`, two routes, two clusters: nothing is a duplicate.
    private static let both = """
        version: 1
        kafka: { clusters: { \(one): { brokers: [a:1] }, \(other): { brokers: [b:1] } } }
        channels: { \(one): { buffer: 7 }, \(other): { buffer: 8 } }
        routes:
          - { name: \(one), topic: one, transform: json, channel: \(one) }
          - { name: \(other), topic: other, transform: { rename: { fields: { \(one): a, \(other): b } } }, channel: \(other) }

        """

    @Test func areDifferentNamesInAFile() async throws {
        let path = try file(Self.both)
        let checked = try await run("check", path)
        #expect(checked.code == 0 && checked.text.contains("2 routes, 2 channels"), "\(checked)")
        let shown = try await run("config", "show", "--format", "json", "--config", path)
        #expect(shown.text.contains(#""value": 7"#) && shown.text.contains(#""value": 8"#), "\(shown)")
        let explained = try await run("explain", "--config", path, "--topic", "other", "{\"\(Self.one)\":1,\"\(Self.other)\":2}")
        #expect(explained.text.contains(#""data":{"a":1,"b":2}"#), "\(explained)")
    }

    @Test func areAChangeToADiff() async throws {
        let (old, new) = (try file(Self.routes(Self.one)), try file(Self.routes(Self.other)))
        let difference = try await run("routes", "diff", old, new)
        #expect(difference.code == 1, "\(difference)")
        #expect(difference.text.contains("+ channel") && difference.text.contains("~ route n"), "\(difference)")
    }

    @Test func areDifferentValuesToATest() async throws {
        func tested(_ expected: String) async throws -> (code: Int32, text: String) {
            let test = "    tests: [{ input: '{\"name\":\"\(Self.one)\"}', expect: [\(expected)] }]\n"
            let route = "version: 1\nroutes:\n  - topic: notes\n    transform: json\n    type: \(Self.one)\n    channel: \(Self.one)\n"
            return try await run("test", try file(route + test))
        }
        for right in ["{ data: { name: \(Self.one) } }", "{ channel: \(Self.one) }", "{ type: \(Self.one) }"] {
            #expect(try await tested(right).code == 0, "\(right)")
        }
        for wrong in ["{ data: { name: \(Self.other) } }", "{ channel: \(Self.other) }", "{ type: \(Self.other) }"] {
            #expect(try await tested(wrong).code == 1, "\(wrong)")
        }
    }

    @Test func areDifferentChannelsToSubscribersAndToAReload() async throws {
        let demo = try await RunningProgramTests.Demo(
            """
            version: 1
            reload: { watch: false }
            routes:
              - { name: a, topic: one, transform: json, channel: \(Self.one) }
              - { name: b, topic: other, transform: json, channels: [\(Self.other), "k.{name}"] }

            """)
        let client = try await WebSocketTestClient(port: demo.port)
        try await client.subscribe(Self.one)
        try await client.subscribe("k.\u{212A}")
        // Would all come first, if they came.
        try await demo.produce("other", #"{"name":"K"}"#)
        try await demo.produce("other", "{\"name\":\"\u{212A}\"}")
        let template = try await client.receive()
        #expect(template.channel.utf8.elementsEqual("k.\u{212A}".utf8), "\(template)")
        try await demo.produce("one", #"{"n":2}"#)
        let first = try await client.receive()
        #expect(first.channel.utf8.elementsEqual(Self.one.utf8) && first.data == #"{"n":2}"#, "\(first)")

        try demo.write(Self.routes(Self.one))
        #expect(try await demo.reload().code == 0)
        try demo.write(Self.routes(Self.other))
        let report = try await demo.reload()
        #expect(report.text.contains("applied; generation 3"), "\(report)")
        client.socket.close()
        try await demo.stop()
    }
}
