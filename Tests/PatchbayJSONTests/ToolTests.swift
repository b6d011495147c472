import PatchbayAPI
import PatchbayJSON
import Testing

/// What tools do with JSON, apart from the hot path.
@Suite struct ToolTests {
    @Test func prettyTextKeepsOrderAndNumbers() {
        #expect(
            JSONPretty.text(#"{"b":1.50,"a":[1,{}],"e\u0301":"x\"y","n":null,"l":[]}"#)
                == """
                {
                  "b": 1.50,
                  "a": [
                    1,
                    {}
                  ],
                  "e\\u0301": "x\\"y",
                  "n": null,
                  "l": []
                }
                """)
        #expect(JSONPretty.text("{") == nil)
    }

    @Test func compactTextIsOneLineAndSaysTheSame() {
        let text = #"{"b":1.50,"a":[1,{},[]],"e\u0301":"x\"y z","n":null}"#
        #expect(JSONPretty.compact(JSONPretty.text(text) ?? "") == text)
        #expect(JSONPretty.compact(" [ ] ") == "[]" && JSONPretty.compact("{\n}") == "{}" && JSONPretty.compact("[") == nil)
    }

    @Test(arguments: [
        (#"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#), ("1.50", "1.5"), ("100", "1e2"), ("0", "-0.0"), ("1E+2", "100.0"),
        ("123456789012345678901234567890", "123456789012345678901234567890.0"), (#""\u0041""#, #""A""#), ("0.001", "1e-3"),
    ])
    func saysTheSame(expected: String, actual: String) {
        #expect(JSONDifference.between(expected: expected, actual: actual).isEmpty)
    }

    @Test(
        arguments: [
            (#"{"a":1}"#, #"{"a":2}"#, ".a", "1", "2"), (#"{"a":[1,{"b":true}]}"#, #"{"a":[1,{"b":false}]}"#, ".a[1].b", "true", "false"),
            (#"{"a":1}"#, #"{}"#, ".a", "1", nil), ("{}", #"{"a":"x"}"#, ".a", nil, #""x""#), ("[1]", "[1,2]", "[1]", nil, "2"),
            ("[1,2]", "[1]", "[1]", "2", nil), ("1", #""1""#, "", "1", #""1""#), ("{", "{}", "", "{", "{}"), ("-1", "1", "", "-1", "1"),
            (
                "123456789012345678901234567890", "123456789012345678901234567891", "", "123456789012345678901234567890",
                "123456789012345678901234567891"
            ), ("null", "false", "", "null", "false"), ("1e5", "1e6", "", "1e5", "1e6"),
        ] as [(String, String, String, String?, String?)])
    func says(expected: String, actual: String, path: String, left: String?, right: String?) {
        let differences = JSONDifference.between(expected: expected, actual: actual)
        #expect(differences.count == 1)
        #expect(differences.first?.path == path)
        #expect(differences.first?.expected == left)
        #expect(differences.first?.actual == right)
    }

    @Test func fieldsAreReadByTheirPaths() throws {
        let reader = try JSONFieldReader(paths: ["a", "b.c", "n", "o", "missing", "b.c.d", "l[1]", "l[2]"].map { try FieldPath($0) })
        var found: [String] = []
        let json = Array(#"{"a":"x\u0041","b":{"c":1.50},"n":null,"o":{},"l":[1,2]}"#.utf8)
        let isRead = json.withUnsafeBytes { bytes in
            reader.read(bytes) { _, field in
                if case .text(let text) = field {
                    found.append(String(decoding: text, as: UTF8.self))
                } else {
                    found.append("\(field)")
                }
            }
        }
        #expect(isRead)
        #expect(found == ["xA", "1.50", "null", "object", "missing", "missing", "2", "missing"])
        #expect(!Array("{".utf8).withUnsafeBytes { reader.read($0) { _, _ in } })
    }
}
