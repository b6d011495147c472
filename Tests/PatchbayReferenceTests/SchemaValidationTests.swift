import PatchbayAPI
import PatchbayConfig
import PatchbayReference
import Testing

/// A validator that isn't ours, over the generated schema; the loader is asked too, so that the two can't drift apart.
@Suite("Validation by the JSON Schema")
struct SchemaValidationTests {
    private static let schema = ConfigSchema.json(transformers: SampleTransformers.all)
    private static let environment = ["PORT_HERE": "1", "STEP": "json", "SIDES": "buy,sell", "YES": "true", "KEY": "12345678"]

    private static func hasErrors(_ text: String) -> Bool {
        ConfigurationLoader.load(text: text, file: "routes.yaml", environment: environment, transformers: SampleTransformers.all)
            .configuration == nil
    }

    private static func problems(_ files: KeyValuePairs<String, String>) throws -> [String: [String]] {
        try Python.problems(of: Dictionary(uniqueKeysWithValues: files.map { ($0.key, $0.value) }), schema: schema)
    }

    @Test("the shipped file and the documented example are right")
    func shipped() throws {
        let problems = try Self.problems([
            "routes.yaml": Repository.text("routes.yaml"), "docs/routes.md": Repository.documentedExample(),
        ])
        #expect(problems == ["routes.yaml": [], "docs/routes.md": []])
    }

    @Test("every way of writing that the loader takes is right")
    func valid() throws {
        let problems = try Self.problems(Self.valid)
        for (name, text) in Self.valid {
            #expect(problems[name] == [], "\(name)")
            #expect(!Self.hasErrors(text), "the loader refuses: \(name)")
        }
    }

    @Test("included routes are enough")
    func included() throws {
        #expect(try Self.problems(["include": "version: 1\ninclude: conf.d/*.yaml"]) == ["include": []])
    }

    @Test("mistakes are found")
    func invalid() throws {
        let problems = try Self.problems(Self.invalid)
        for (name, text) in Self.invalid {
            #expect(problems[name]?.isEmpty == false, "\(name)")
            #expect(Self.hasErrors(text), "the loader takes: \(name)")
        }
    }

    @Test("every example and default fits its own key")
    func examples() throws {
        let problems = try Python.misfits(in: Self.schema)
        #expect(problems == [])
    }

    // MARK: Files

    private static func file(_ more: String = "", route: String) -> String {
        "version: 1\n\(more)\nroutes:\n  - { \(route) }\n"
    }

    private static func file(_ more: String) -> String { file(more, route: "topic: a, transform: token, channel: c") }

    private static func transform(_ text: String) -> String { file(route: "topic: a, channel: c, transform: \(text)") }

    private static func test(_ text: String) -> String {
        file(route: "topic: a, channel: c, transform: json, tests: [{ \(text) }]")
    }

    private static func mask(_ options: String) -> String { transform("{ mask: { key: 12345678a, \(options) } }") }

    private static let valid: KeyValuePairs<String, String> = [
        "interpolated scalars": file(
            "server: { port: \"${PORT_HERE}\", read_buffer: \"${NONE:-1KiB}\", ping_interval: \"${NONE:-5s}\" }\nadmin: { enabled: \"${YES}\" }\ndefaults: { on_error: \"${NONE:-skip}\" }"
        ),
        "nothing below a key": file("server:\nkafka:\ndefaults: ~\nchannels:"),
        "zero with a meaning": file("server: { port: 0, event_loops: 0, drain_timeout: 0s }"),
        "sizes": file("server: { read_buffer: 128, write_buffer: \"2048\", max_message: 1mib }\nkafka: { max_record: 2000000B }"),
        "properties": file("kafka: { properties: { a: 1, b: true, c: x, d: 1.5, sasl.password: \"\" } }"),
        "lone items":
            "version: 1\nkafka: { brokers: a:1 }\nroutes: { topic: a, transform: json, channel: c, tests: { input: 1, expect: { channel: c } } }",
        "several in singular keys": file(route: "topic: [a, ^b], transform: json, channel: [c, \"c.{x}\"]"),
        "a listed channel without settings": file("channels: { c: }"),
        "own error policy": file(route: "topic: a, transform: json, channel: c, on_error: dead_letter, dead_letter: d"),
        "inherited error policy": file(
            "defaults: { on_error: dead_letter }", route: "topic: a, transform: json, channel: c, dead_letter: d"),
        "a transformer from the environment": transform("\"${STEP}\""),
        "no options": transform("{ token: }"),
        "options": transform("{ trade: { naming: snake_case, sides: buy } }"),
        "options from the environment": transform("{ trade: { sides: \"${SIDES}\", naming: \"${NONE:-as_is}\" } }"),
        "a bare value": transform("{ filter: .level }"),
        "a bare list": transform("{ pick: [a, b] }"),
        "options by name": transform("{ pick: { fields: a, missing: reject } }"),
        "free names": transform("{ rename: { names: { user.id: user_id } } }"),
        "a chain": transform("[json, { filter: .a }, \"${STEP}\", { pick: a }]"),
        "every kind of option": mask("ratio: 0.75, every: 20ms, most: 1KiB, level: 9, digit: 1, anything: [{}], nested: { depth: 3 }"),
        "zeros of options": mask("ratio: 0, level: 0, digit: true, nested:"),
        "a short text that the environment makes long": transform("{ mask: { key: \"${KEY}\" } }"),
        "tombstone": test("input: null, error: tombstone"),
        "nothing expected": test("input: text, expect: []"),
        "headers and key": test("input: [1], key: 7, headers: { a: 1 }, error: invalid_json"),
    ]

    private static let invalid: KeyValuePairs<String, String> = [
        "unknown key": file("sever: {}"),
        "unknown key of a route": file(route: "topic: a, transform: json, chanel: c"),
        "key on the wrong level": file("max_clients: 5"),
        "no version": "routes: [{ topic: a, transform: json, channel: c }]",
        "another version": "version: 2\nroutes: [{ topic: a, transform: json, channel: c }]",
        "no routes": "version: 1",
        "empty routes": "version: 1\nroutes: []",
        "no topic": file(route: "transform: json, channel: c"),
        "topic and topics": file(route: "topic: a, topics: [b], transform: json, channel: c"),
        "no channel": file(route: "topic: a, transform: json"),
        "channel and channels": file(route: "topic: a, transform: json, channel: c, channels: [d]"),
        "no transform": file(route: "topic: a, channel: c"),
        "no brokers": file("kafka: { brokers: [] }"),
        "cluster without brokers": file("kafka: { clusters: { x: { group: g } } }"),
        "a text for a number": file("server: { port: many }"),
        "a fraction for a whole number": file("server: { max_clients: 1.5 }"),
        "out of range": file("server: { port: 70000 }"),
        "zero without a meaning": file("server: { max_clients: 0 }"),
        "a duration without unit": file("server: { ping_interval: 30 }"),
        "a duration with a fraction": file("server: { ping_interval: 1.5s }"),
        "a size with half a unit": file("server: { max_message: 64K }"),
        "a quoted boolean": file("reload: { watch: \"true\" }"),
        "another word": file("defaults: { on_error: ignore }"),
        "empty text": file("kafka: { group: \"\" }"),
        "a number for a text": file("kafka: { group: 7 }"),
        "a mapping for a scalar": file("kafka: { properties: { a: { b: c } } }"),
        "dead letters that are skipped": file(
            route: "topic: a, transform: json, channel: c, on_error: skip, dead_letter: d"),
        "unknown transformer": transform("tokn"),
        "unknown option": transform("{ token: { nming: as_is } }"),
        "a value for a transformer without one": transform("{ token: x }"),
        "needed option left out": transform("pick"),
        "needed option left out of several": transform("{ pick: { missing: skip } }"),
        "two transformers in a step": transform("{ json: , token: }"),
        "no transformer": transform("[]"),
        "a chain in a chain": transform("[[json]]"),
        "another word in a list": transform("{ trade: { sides: [buy, hold] } }"),
        "option out of range": mask("level: 4"),
        "too short": transform("{ mask: { key: short } }"),
        "unknown key of a nested option": mask("nested: { deep: 1 }"),
        "test without input": test("expect: []"),
        "test with two ends": test("input: 1, expect: [], error: x"),
        "test without end": test("input: 1"),
        "unknown key of a message": test("input: 1, expect: [{ chanel: c }]"),
    ]
}
