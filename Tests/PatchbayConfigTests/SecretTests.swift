import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Secrets")
struct SecretTests {
    private func file(_ options: String, _ more: String = "") -> String {
        "version: 1\n\(more)routes:\n  - topic: a\n    channel: c\n    transform: { mask: { \(options) } }\n"
    }

    /// Everything a load shows.
    private func shown(_ result: LoadResult) -> String {
        DiagnosticRenderer.render(result.diagnostics, file: "routes.yaml") + result.origins.map { "\($0)" }.joined(separator: "\n")
    }

    @Test(
        "are in no finding, whatever is wrong",
        arguments: [
            ("too short", "key: hunter2"), ("another key on the line", "key: hunter2hunter2, rato: 1"),
            ("a list", "key: [hunter2, hunter2]"), ("a mapping", "key: { hunter2: hunter2 }"), ("a number", "key: 4711000815"),
            ("given twice", "key: hunter2hunter2, key: hunter2"), ("a slip in the key", "keyy: hunter2hunter2"),
            ("refused by the transformer", "key: forbidden"), ("a strange expression", "key: \"a${hunter2 hunter2}\""),
            ("an open brace", "key: \"hunter2${\""),
        ])
    func findings(_ name: String, _ options: String) {
        let result = load(file(options))
        #expect(result.configuration == nil)
        let text = shown(result)
        #expect(!text.isEmpty)
        for secret in ["hunter2", "4711000815", "forbidden"] { #expect(!text.contains(secret)) }
    }

    @Test("over several lines are in no finding")
    func severalLines() {
        let text = """
            version: 1
            routes:
              - topic: a
                channel: c
                transform:
                  mask: { key: "hunter2
                    hunter2", rato: 1 }
            """
        let result = load(text)
        #expect(result.diagnostics.map(Finding.init) == [Finding(7, 19, "unknown key `rato`", "did you mean `ratio`?")])
        #expect(!shown(result).contains("hunter2"))
    }

    @Test("from the environment name only the variable", arguments: ["short", "forbidden"])
    func fromEnvironment(_ value: String) {
        let text = shown(load(file("key: \"${MASK_KEY}\""), ["MASK_KEY": value]))
        #expect(text.contains("`key`"))
        #expect(!text.contains("\(value)"))
        #expect(shown(load(file("key: \"${MASK_KEY}\""))).contains("the environment variable `MASK_KEY` is not set"))
    }

    @Test(
        "from files are never shown, whatever field they are for",
        arguments: [
            "server: { port: \"${file:PATH}\" }", "server: { port: \"1${file:PATH}\" }", "kafka: { brokers: \"${file:PATH}\" }",
            "kafka: { brokers: [\"${file:PATH}\"] }", "kafka: { group: \"${file:PATH}\" }", "server: { max_message: \"${file:PATH}\" }",
            "defaults: { buffer: \"${file:PATH}\" }", "channels: { c: { buffer: \"${file:PATH}\" } }",
            "server: { allowed_origins: \"${file:PATH}\" }", "server: { ping_interval: \"${file:PATH}\" }",
        ])
    func fromFiles(_ section: String) throws {
        let secret = try TemporaryPath.make(Array("hunter2-4711".utf8))
        let result = load(minimal(section.replacing("PATH", with: secret.path) + "\n"))
        #expect(!shown(result).contains("hunter2"))
        #expect(!shown(result).contains("4711"))
    }

    @Test(
        "from files are not shown as names either",
        arguments: [
            "transform: \"${file:PATH}\", channel: c", "transform: { mask: { key: \"${file:PATH}\", deep: true } }, channel: c",
            "transform: token, channels: [\"${file:PATH}\", \"${file:PATH}\"]", "transform: token, channel: \"{${file:PATH}\"",
            "transform: token, channel: \"${file:PATH}\", type: 5",
        ])
    func namesFromFiles(_ keys: String) throws {
        let secret = try TemporaryPath.make(Array("hunter2-4711".utf8))
        let route = "  - { topic: \"${file:PATH}\", \(keys) }\n".replacing("PATH", with: secret.path)
        let result = load("version: 1\nchannels: { hunter2-471: }\nroutes:\n" + route + route)
        #expect(result.configuration == nil)
        #expect(!DiagnosticRenderer.render(result.diagnostics, file: "f").contains("hunter2-4711"))
    }

    /// The fuzzer changed a letter of a test's topic, and the hint named the topics that the route does take: secret ones.
    /// Looking for more of the kind found the hint about patterns, the loop of dead letters and the templates' buffers.
    @Test(
        "from files are in no hint about something else",
        arguments: [
            "topic: \"${file:PATH}\", tests: [{ input: 1, expect: [], topic: other }], channel: c",
            "topic: \"^${file:PATH}\", tests: [{ input: 1, expect: [] }], channel: c",
            "topic: \"^${file:PATH}|d\", on_error: dead_letter, dead_letter: d, channel: c",
            "topic: other, topics: \"${file:PATH}\", tests: [{ input: 1, expect: [], topic: more }], channel: c",
            "topic: a, channels: [\"${file:PATH}.{x}\", \"{t}\"]",
        ])
    func hints(_ keys: String) throws {
        let secret = try TemporaryPath.make(Array("hunter2-4711".utf8))
        let route = "  - { transform: token, \(keys) }\n".replacing("PATH", with: secret.path)
        let result = load("version: 1\nchannels: { '{t}': { buffer: 7 } }\nroutes:\n" + route)
        #expect(result.configuration == nil)
        #expect(!DiagnosticRenderer.render(result.diagnostics, file: "f").contains("hunter2-4711"))
    }

    @Test("among the properties for librdkafka are marked")
    func properties() throws {
        let secret = try TemporaryPath.make(Array("hunter2".utf8))
        let text = minimal(
            """
            kafka:
              properties:
                sasl.username: joe
                sasl.password: hunter2
                client.id: ${file:\(secret.path)}
                ssl.key.pem: hunter2

            """)
        let result = load(text)
        #expect(try #require(result.configuration).kafka.properties.map(\.isSecret) == [false, true, true, true])
        #expect(try #require(result.configuration).kafka.properties.map(\.value) == ["joe", "hunter2", "hunter2", "hunter2"])
        #expect(!shown(result).contains("hunter2"))
        #expect(result.origins.first { $0.path == "kafka.properties.sasl.username" }?.value == .string("joe"))
        #expect(result.origins.contains { $0.path == "kafka.properties.sasl.password" && $0.value == nil })
    }

    @Test(
        "are not shown where the text can't even be parsed",
        arguments: [
            "sasl.password: \"hunter2", "{ sasl.password: hunter2", "'ssl.key.password' : @hunter2", "client_secret: hunter2: x",
            "sasl.pasword: x\n    sasl.password: hunter2\n   x: y",
        ])
    func unparsed(_ line: String) {
        let result = load(minimal("kafka:\n  properties:\n    \(line)\n"))
        #expect(result.configuration == nil)
        #expect(!shown(result).contains("hunter2"))
    }

    @Test("a path with the word in it is no secret")
    func path() {
        let found = load(minimal("kafka:\n  group: ${file:/run/secrets/nothing}\n")).diagnostics
        #expect(found.map(\.sourceLine) == ["  group: ${file:/run/secrets/nothing}"])
    }
}
