import Foundation
import PatchbayAPI
import PatchbayConfig
import Testing
import TransformerTestSupport

// MARK: Transformers

/// Transformers with options like those of the built-in ones, which this target can't import.
enum SampleTransformers {
    private final class Idle: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
    }

    private static func make(
        _ name: String, type: String?, options: [Field] = [], shorthand: String? = nil, examples: [TransformerExample] = []
    ) -> TransformerDefinition {
        TransformerDefinition(
            name: name, summary: "What \(name) does.", defaultType: type, options: options, shorthand: shorthand,
            examples: examples
        ) { _ throws(OptionError) in { Idle() } }
    }

    private static let naming = Field(
        "naming", .choice(["as_is", "pascal_case", "snake_case"]), default: .string("as_is"),
        documentation: "How names are written.", example: "naming: snake_case")

    static let all = TransformerSet(tests: [
        make("token", type: "token_info", options: [naming, Field("amm", .bool, documentation: "Only with or without.")]),
        make(
            "trade", type: "trade_data",
            options: [
                naming,
                Field(
                    "sides", .list(.choice(["buy", "sell"]), minimumCount: 1), documentation: "Purchases | sales.", example: "sides: [buy]"),
            ],
            examples: [
                TransformerExample(
                    title: "Renamed", options: ["naming": .string("snake_case")], input: #"{"A":1}"#, outcome: .data(#"{"a":1}"#)),
                TransformerExample(title: "As it is", input: "{}", outcome: .data("{}")),
            ]),
        make(
            "aggregate", type: "aggregate_data",
            options: [Field("windows", .list(.string(), minimumCount: 1), documentation: "These windows only.")]),
        make("json", type: "message"),
        make(
            "filter", type: nil,
            options: [Field("where", .string(), required: true, documentation: "An expression, such as `.a | .b`.")],
            shorthand: "where",
            examples: [
                TransformerExample(
                    title: "Left out", options: ["where": .string(#".level == "error""#)], input: "{}", outcome: .filtered),
                TransformerExample(
                    title: "Refused", options: ["where": .string(".a")], input: "{",
                    outcome: .rejected(code: "invalid_json", field: nil)),
            ]),
        make(
            "pick", type: nil,
            options: [
                Field("fields", .list(.string(), minimumCount: 1), required: true, documentation: "The fields to keep."),
                Field("missing", .choice(["skip", "reject"]), default: .string("skip"), documentation: "If one isn't there."),
            ],
            shorthand: "fields"),
        make("rename", type: nil, options: [Field("names", .dictionary(.string()), required: true, documentation: "New by old.")]),
        mask,
    ])

    /// One option of every kind.
    private static let mask = make(
        "mask", type: "masked",
        options: [
            Field("key", .string(minimumLength: 8), required: true, secret: true, documentation: "Key."),
            Field("ratio", .number(0.5...1), default: .number(0.5), zero: "off", documentation: "Ratio."),
            Field("every", .duration(milliseconds: 10...60_000), default: .integer(1500), documentation: "Pause."),
            Field("most", .size(bytes: 100...4096), default: .integer(2048), documentation: "Size."),
            Field("level", .integer(5...9), zero: "none", documentation: "Level."),
            Field("digit", .choice(["1", "2", "true"]), documentation: "Words that YAML takes for something else."),
            Field("anything", .any, documentation: "Anything."),
            Field(
                "nested", .object([Field("depth", .integer(1...3), default: .integer(2), documentation: "Depth.")]),
                documentation: "Nested."),
        ])
}

// MARK: Files

enum Repository {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// The file that docs/routes.md shows as an example with everything.
    static func documentedExample() throws -> String {
        let parts = try text("docs/routes.md").components(separatedBy: "```")
        return try #require(parts.first { $0.hasPrefix("yaml\nversion: 1") }).replacing("yaml\n", with: "", maxReplacements: 1)
    }
}

// MARK: Python, whose JSON Schema and YAML are not ours

enum Python {
    /// What a script prints, given a text at its standard input.
    static func run(_ script: String, input: Data) throws -> Data {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("patchbay-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (source, given, printed) = ("script.py", "input.json", "output.json")
        try Data(script.utf8).write(to: folder.appendingPathComponent(source))
        try input.write(to: folder.appendingPathComponent(given))

        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [source, given, printed]
        process.currentDirectoryURL = folder
        try process.run()
        process.waitUntilExit()
        try #require(
            process.terminationStatus == 0,
            "python3 failed; this test needs python3-jsonschema and python3-yaml, which `make setup-tests` installs")
        return try Data(contentsOf: folder.appendingPathComponent(printed))
    }

    /// What the schema has against each file, by name; empty for one that it accepts.
    static func problems(of files: [String: String], schema: String) throws -> [String: [String]] {
        let script = """
            import json, sys, yaml
            from jsonschema import Draft202012Validator
            with open(sys.argv[1]) as given: data = json.load(given)
            schema = json.loads(data["schema"])
            Draft202012Validator.check_schema(schema)
            validator = Draft202012Validator(schema)
            result = {name: [error.json_path + ": " + error.message for error in validator.iter_errors(yaml.safe_load(text))]
                      for name, text in data["files"].items()}
            with open(sys.argv[2], "w") as out: json.dump(result, out)
            """
        struct Given: Encodable {
            let schema: String
            let files: [String: String]
        }
        let output = try run(script, input: JSONEncoder().encode(Given(schema: schema, files: files)))
        return try JSONDecoder().decode([String: [String]].self, from: output)
    }

    /// Examples and defaults in a schema that the schema they stand in refuses.
    static func misfits(in schema: String) throws -> [String] {
        let script = """
            import json, sys
            from jsonschema import Draft202012Validator
            with open(sys.argv[1]) as given: schema = json.load(given)
            found, checked = [], 0
            def walk(node):
                global checked
                if isinstance(node, list):
                    for item in node: walk(item)
                if not isinstance(node, dict): return
                for name, field in node.get("properties", {}).items():
                    if not isinstance(field, dict): continue
                    validator = Draft202012Validator({**field, "$defs": schema["$defs"]})
                    for value in field.get("examples", []) + ([field["default"]] if "default" in field else []):
                        checked += 1
                        found.extend(name + ": " + error.message for error in validator.iter_errors(value))
                for item in node.values(): walk(item)
            walk(schema)
            assert checked > 50, checked
            with open(sys.argv[2], "w") as out: json.dump(found, out)
            """
        return try JSONDecoder().decode([String].self, from: run(script, input: Data(schema.utf8)))
    }

    /// A YAML text as JSON with its names sorted, on one line.
    static func json(yaml: String) throws -> String {
        let script = """
            import json, sys, yaml
            with open(sys.argv[1]) as given: value = yaml.safe_load(given.read())
            with open(sys.argv[2], "w") as out: json.dump(value, out, sort_keys=True, separators=(",", ":"))
            """
        return String(decoding: try run(script, input: Data(yaml.utf8)), as: UTF8.self)
    }
}
