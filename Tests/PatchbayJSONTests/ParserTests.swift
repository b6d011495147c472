import PatchbayJSON
import Testing

@Suite("Parser: what is JSON")
struct ParserTests {
    static let valid: [String] = [
        "{}", "[]", " [ ] ", "\t{\r\n}\n", "null", "true", "false", "0", "-0", "12", " 12 ", "\"\"", "\"a\"", "[[]]", "[{}]", "{\"a\":{}}",
        "[1,2]", "[ 1 , 2 ]", #"{"a":1,"a":2}"#, #"{"":""}"#, #"["\u0000"]"#, #"["\ud83d\ude80"]"#, #"["\\u12"]"#,
        #"["\\\ud83d\ude80"]"#, "[\"\u{7f}\"]", "[\"\u{10ffff}\"]", "[1e5,1E+5,1e-5,0.1,-0.0,1.5e308]",
        "[18446744073709551615,-9223372036854775808]",
    ]

    @Test("Valid texts pass", arguments: valid)
    func accepts(_ text: String) { #expect(problem(text) == nil) }

    @Test(
        "Broken texts are refused as invalid JSON",
        arguments: [
            "", " ", "\n", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
            "{'a':1}", "{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1}", "{\"a\":1]", "[]]", "{}{}", "[] []", "1 2", "nul",
            "nulll", "True", "tru", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x10", "1_000", "--1",
            "\"", "\"a", "\"\\\"", #""\x""#, #""\u12""#, #""\u12g4""#, "\"\t\"", "\"\n\"", "[\"a\u{0}b\"]", "\u{0}", "[1]\u{0}", "// a\n1",
            "[1]x", "\u{feff}{}", #"["\ud80"]"#, #"["\ud800","\ud80g"]"#,
        ])
    func refuses(_ text: String) {
        let problem = problem(text)
        #expect(problem?.code == .invalidJSON)
        #expect(problem?.field == nil)
        #expect(problem?.explanation.isEmpty == false)
    }

    @Test(
        "Invalid UTF-8 is refused, inside strings and outside",
        arguments: [
            [0x22, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xE2, 0x82, 0x22],
            [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xFF, 0x22],
            [0x22, 0xF8, 0x88, 0x80, 0x80, 0x80, 0x22],
            [0xFF], [0x31, 0xFE], [0x5B, 0x5D, 0xC3],
        ] as [[UInt8]])
    func refusesBadUTF8(_ bytes: [UInt8]) { #expect(problem(bytes)?.code == .invalidJSON) }

    @Test("The explanation of bad UTF-8 and of a byte order mark says so")
    func explains() {
        #expect(problem([0x22, 0x80, 0x22])?.explanation.contains("UTF-8") == true)
        #expect(problem("\u{feff}{}")?.explanation.contains("byte order mark") == true)
        #expect(problem("")?.explanation.contains("nothing") == true)
    }

    @Test(
        "Every proper prefix of an object is refused",
        arguments: [
            #"{"Token":"0x01","deep":[{"a":[1,2.5e3,true,null,"\ud83d\ude80é\n"]}],"n":-0.125}"#,
            #"{"a":[123456789012345678901234567890,1e999],"b":"x"}"#,
        ])
    func refusesEveryPrefix(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(problem(bytes) == nil)
        for count in 0..<bytes.count {
            #expect(problem(Array(bytes[..<count])) != nil, "the first \(count) bytes passed")
        }
    }

    @Test("Depth: the limit passes, one more doesn't", arguments: [1, 2, 3, 64, 100])
    func limitsDepth(_ depth: Int) {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + String(repeating: close, count: depth)
        }
        let limits = JSONLimits(maximumDepth: depth)
        #expect(problem(nested(depth, "[", "]"), limits: limits) == nil)
        #expect(problem(nested(depth + 1, "[", "]"), limits: limits)?.code == .tooDeep)
        let objects = String(repeating: #"{"a":"#, count: depth - 1) + "{}" + String(repeating: "}", count: depth - 1)
        #expect(problem(objects, limits: limits) == nil)
        #expect(problem("[" + objects + "]", limits: limits)?.code == .tooDeep)
        #expect(problem("[" + nested(depth, "[", "]") + "]", limits: limits)?.explanation.contains("\(depth)") == true)
    }

    @Test("A hundred thousand levels are refused, closed or not")
    func refusesAbyss() {
        #expect(problem(String(repeating: "[", count: 100_000))?.code == .invalidJSON)
        #expect(problem(String(repeating: #"{"a":"#, count: 100_000))?.code == .invalidJSON)
        let closed = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(problem(closed)?.code == .tooDeep)
    }

    @Test("Size: the limit passes, one byte more doesn't")
    func limitsSize() {
        let limits = JSONLimits(maximumBytes: 10)
        #expect(problem("[12345678]", limits: limits) == nil)
        #expect(problem("[12345678] ", limits: limits)?.code == .tooLarge)
        #expect(problem("[123456789", limits: limits)?.code == .invalidJSON)
        #expect(problem("[12345678] ", limits: limits)?.explanation.contains("11 bytes") == true)
        let large = "\"" + String(repeating: "x", count: 1 << 20) + "\""
        #expect(problem(large)?.code == .tooLarge)
        #expect(problem(large, limits: JSONLimits(maximumBytes: 1 << 21)) == nil)
    }

    @Test("Limits out of range are moved into it")
    func clampsLimits() {
        #expect(JSONLimits(maximumBytes: 0, maximumDepth: -1) == JSONLimits(maximumBytes: 1, maximumDepth: 1))
        #expect(JSONLimits(maximumBytes: .max, maximumDepth: .max).maximumBytes == 1 << 30)
    }

    @Test("One parser survives any order of good, bad, short and long texts")
    func isReusable() {
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 1 << 20))
        let long = "[" + Array(repeating: #""some text","#, count: 20_000).joined() + "1]"
        let texts: [(String, JSONProblem.Code?)] = [
            ("[1]", nil), ("[", .invalidJSON), (long, nil), ("", .invalidJSON), ("[2]", nil),
            (String(repeating: "[", count: 70) + String(repeating: "]", count: 70), .tooDeep), (#"{"a":1e999}"#, nil),
            ("[1e999,01]", .invalidJSON), ("1", nil),
        ]
        for round in 0..<20 {
            for offset in texts.indices {
                let (text, code) = texts[(offset * (round + 1) + round) % texts.count]
                let found = Array(text.utf8).withExactMemory { parser.validate($0)?.code }
                #expect(found == code)
            }
        }
    }
}
