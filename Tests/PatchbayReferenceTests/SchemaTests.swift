import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayReference
import Testing

@Suite("JSON Schema")
struct SchemaTests {
    private static let text = ConfigSchema.json(transformers: SampleTransformers.all)

    private static func tree() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// The value below these names.
    private static func value<Value>(_ path: String..., as type: Value.Type = Value.self) throws -> Value {
        var current: Any = try tree()
        for name in path { current = try #require((current as? [String: Any])?[name], "no \(name)") }
        return try #require(current as? Value)
    }

    @Test("names its dialect and has the keys of the file")
    func root() throws {
        #expect(try Self.value("$schema") == "https://json-schema.org/draft/2020-12/schema")
        #expect(try Self.value("required") == ["version"])
        let properties: [String: Any] = try Self.value("properties")
        #expect(Set(properties.keys) == Set(ConfigFields.root.map(\.name)))
    }

    @Test("is the same every time")
    func stable() { #expect(ConfigSchema.json(transformers: SampleTransformers.all) == Self.text) }

    @Test("forbids unknown keys wherever keys are declared")
    func closed() throws {
        let definitions: [String: [String: Any]] = try Self.value("$defs")
        for (name, definition) in definitions where definition["properties"] != nil {
            #expect(definition["additionalProperties"] as? Bool == false, "\(name)")
        }
        for name in ["server", "kafka", "kafka.cluster", "channel", "route", "route.test", "transformer.mask.nested"] {
            #expect(definitions[name]?["properties"] != nil, "\(name)")
        }
    }

    @Test("carries ranges, defaults, examples and documentation")
    func facts() throws {
        let port: [String: Any] = try Self.value("$defs", "server", "properties", "port")
        #expect(port["minimum"] as? Int == 0)
        #expect(port["maximum"] as? Int == 65535)
        #expect(port["default"] as? Int == 8080)
        #expect(port["examples"] as? [Int] == [8080])
        #expect((port["description"] as? String)?.contains("Environment variable: PORT.") == true)
        #expect(try Self.value("$defs", "server", "properties", "drain_timeout", "default") == "5s")
        #expect(try Self.value("$defs", "transformer.mask", "properties", "most", "default") == "2KiB")
    }

    @Test("lists the words of a choice")
    func choice() throws {
        let forms: [[String: Any]] = try Self.value("$defs", "route", "properties", "on_error", "anyOf")
        #expect(forms.first?["enum"] as? [String] == ["skip", "dead_letter", "stop"])
    }

    @Test("names transformers with what they do, but alone only those without needed options")
    func steps() throws {
        let forms: [[String: Any]] = try Self.value("$defs", "step", "anyOf")
        let names = try #require(forms.first?["oneOf"] as? [[String: String]])
        #expect(names.map { $0["const"] } == ["token", "trade", "aggregate", "json"])
        #expect(names.first?["description"] == "What token does.")
    }

    @Test("works without any transformer")
    func empty() throws {
        let problems = try Python.problems(
            of: ["a": "version: 1\nroutes: { topic: a, transform: b, channel: c }"],
            schema: ConfigSchema.json(transformers: TransformerSet()))
        #expect(problems["a"]?.isEmpty == false)
    }
}
