import PatchbayAPI
import PatchbayJSON
import Testing

/// A topic in Avro, a value compressed by hand or a `NaN` were all "the text isn't valid JSON: its structure is broken", and
/// people looked for a bracket that wasn't missing. What it looks like, and what to do, is said now; found out only once the
/// parser has refused it.
@Suite struct LookalikeTests {
    @Test(
        arguments: [
            ([0, 0, 0, 0, 42, 2, 6], "schema_registry_prefix", "here 42), so it is probably Avro or Protobuf"),
            ([0, 0, 0, 1, 0] + Array(#"{"a":1}"#.utf8), "schema_registry_prefix", "here 256), with JSON behind them"),
            ([0x1F, 0x8B, 8, 0], "compressed_value", "compressed with gzip"),
            ([0x28, 0xB5, 0x2F, 0xFD, 0], "compressed_value", "compressed with zstd"),
            (Array("Obj\u{1}\u{4}".utf8), "avro_file", "an Avro file"),
            (Array(#"{"a":"NaN","b":NaN}"#.utf8), "invalid_json", "`NaN` at byte 15"),
            (Array("[-Infinity]".utf8), "invalid_json", "`Infinity` at byte 2"),
            (Array("{\"a\":1}\n{\"a\":2}\n".utf8), "invalid_json", "several JSON documents, the second from byte 8"),
            (Array(#"{"a":"}"}{"b":"#.utf8), "invalid_json", "several JSON documents, the second from byte 9"),
            (Array("[1] 2".utf8), "invalid_json", "several JSON documents, the second from byte 4"),
            ([], "invalid_json", "there is nothing in it"),
        ] as [([UInt8], String, String)])
    func saysWhatItLooksLike(bytes: [UInt8], code: String, part: String) {
        let problem = problem(bytes)
        #expect(problem?.code.rawValue == code)
        #expect(problem?.explanation.contains(part) == true, "\(String(describing: problem))")
    }

    @Test(arguments: [
        #"{"NaN":1,}"#, #"{"a":"Infinity""#, "[1]]", "[1]x", "{}}", "{\"a\" {\"b\":1}", "BaNaN", "NaNo", "[1,] [2]", "\u{0}\u{0}",
    ])
    func claimsNothingElse(text: String) {
        let problem = problem(text)
        #expect(problem?.code == .invalidJSON)
        #expect(
            problem?.explanation.contains("several") == false && problem?.explanation.contains("number") == false,
            "\(String(describing: problem))")
    }

    @Test(arguments: ["NaN", #"{"a":"NaN"}"#]) func aTextThatIsJSONIsNotLookedAt(text: String) {
        #expect((problem(text) == nil) == (text != "NaN"))
    }

    /// What a channel could be named after, by the schema of what the transformers make.
    @Test(
        arguments: [
            (#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#, ["b"], "there is no `b`"),
            (#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#, ["a"], nil),
            (#"{"type":"object","properties":{"a":{"type":"string"}}}"#, ["b"], nil),
            (#"{"type":"object","properties":{"a":{"type":"array"}}}"#, ["a"], "`a` is a list"),
            (#"{"type":"object","properties":{"a":{"anyOf":[{"type":"object"},{"type":"null"}]}}}"#, ["a"], "`a` is an object"),
            (#"{"type":"object","properties":{"a":{"type":"string"}}}"#, ["a", "b"], "`a` is a text"),
            (#"{"type":"object","properties":{"a":{}}}"#, ["a", "b"], nil), ("{}", ["a"], nil), ("?", ["a"], nil),
        ] as [(String, [String], String?)])
    func placeholders(schema: String, path: [String], part: String?) {
        let found = SchemaField.problem(schema: schema, path: FieldPath(names: path))
        if let part { #expect(found?.problem.contains(part) == true, "\(String(describing: found))") } else { #expect(found == nil) }
    }
}
