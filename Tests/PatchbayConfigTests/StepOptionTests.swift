import PatchbayAPI
import PatchbayConfig
import Testing
import TransformerTestSupport

/// Steps whose main option is a mapping of fields, which may stand for all options.
@Suite("Options of steps") struct StepOptionTests {
    private final class Idle: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
    }

    private static let transformers = TransformerSet(tests: [
        TransformerDefinition(
            name: "set", summary: "Sets.", defaultType: nil,
            options: [
                Field("fields", .dictionary(.json), required: true, documentation: "Values.", example: "fields: { a: 1 }"),
                Field("missing", .choice(["skip", "reject"]), default: .string("skip"), documentation: "Without."),
            ], shorthand: "fields"
        ) { _ throws(OptionError) in { Idle() } },
        TransformerDefinition(
            name: "unwrap", summary: "Unwraps.", defaultType: nil,
            options: [Field("path", .string(), required: true, documentation: "Path.", example: "path: a.b")],
            bareValueProblem: (message: "no envelopes by name", hint: "write `unwrap: { path: a }`")
        ) { _ throws(OptionError) in { Idle() } },
    ])

    private func load(_ transform: String, _ environment: [String: String] = [:]) -> LoadResult {
        ConfigurationLoader.load(
            text: "version: 1\nroutes:\n  - topic: t\n    transform: \(transform)\n    channel: c\n", file: "f", environment: environment,
            transformers: Self.transformers)
    }

    private func fields(_ transform: String, _ environment: [String: String] = [:]) throws -> [String: String] {
        let result = load(transform, environment)
        let step = try #require(result.configuration?.routes.first?.steps.first, "\(result.diagnostics)")
        guard case .map(let entries)? = step.options["fields"] else { return [:] }
        return Dictionary(
            uniqueKeysWithValues: entries.map { name, value in
                guard case .json(let text) = value else { return (name.string, "\(value)") }
                return (name.string, text)
            })
    }

    @Test("values become JSON as they are written")
    func values() throws {
        let long = "123456789012345678901234567890.10"
        #expect(
            try fields("{ set: { a: \(long), b: x, c: '1', d: ~, e: true, f: [1, { z: 1.50, y: .5 }], '[\"g.h\"]': '{@key}' } }")
                == [
                    "a": long, "b": "\"x\"", "c": "\"1\"", "d": "null", "e": "true", "f": #"[1,{"z":1.50,"y":0.5}]"#,
                    #"["g.h"]"#: #""{@key}""#,
                ])
        #expect(try fields("{ set: { a: '${N}' } }", ["N": "7"]) == ["a": "\"7\""])
        #expect(load("{ set: { a: .inf } }").diagnostics.first?.message.contains("JSON has no number") == true)
    }

    @Test("a mapping of fields may stand alone, or below its key")
    func shorthand() throws {
        #expect(try fields("{ set: { a: 1, b: 2 } }") == ["a": "1", "b": "2"])
        #expect(try fields("{ set: { fields: { a: 1 }, missing: reject } }") == ["a": "1"])
        #expect(try fields("{ set: { fields: { fields: 1, missing: 2 } } }") == ["fields": "1", "missing": "2"])
    }

    @Test("what is neither is found at its place")
    func mistakes() {
        #expect(
            load("{ set: { a: 1, missing: reject } }").diagnostics.map(Finding.init) == [
                Finding(
                    4, 31, "`missing` is an option of `set`, so its `fields` need a key of their own",
                    "write `set: { fields: { … }, missing: … }`")
            ])
        #expect(load("{ set: { feilds: { a: 1 } } }").diagnostics.first?.message == "unknown key `feilds`")
        #expect(load("{ set: {} }").diagnostics.first?.message == "`fields` is missing")
        #expect(load("set").diagnostics.first?.message == "`fields` is missing")
        #expect(load("{ set: x }").diagnostics.first?.message == "the options of `set` must be a mapping (`key: value`)")
        #expect(
            load("{ unwrap: debezium }").diagnostics.map(Finding.init) == [
                Finding(4, 26, "no envelopes by name", "write `unwrap: { path: a }`")
            ])
    }

    @Test("secrets in values stay secret")
    func secrets() {
        let result = ConfigurationLoader.load(
            bytes: Array("version: 1\nroutes:\n  - { topic: t, transform: { set: { a: 'x${file:/s}' } }, channel: c }\n".utf8), file: "f",
            environment: [:], transformers: Self.transformers, files: .memory(["/s": Array("hunter2".utf8)]))
        let step = result.configuration?.routes.first?.steps.first
        #expect(step?.secretOptions == ["fields"])
        #expect(!"\(result.origins.map(\.value))".contains("hunter2"))
    }
}
