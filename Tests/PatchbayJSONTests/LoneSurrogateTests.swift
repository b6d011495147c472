import PatchbayAPI
import PatchbayJSON
import Testing

/// `"\ud83d"`, half of a surrogate pair, was `invalid_json` without a position, although the grammar allows it and
/// JavaScript reads it: producers that cut texts in the middle of an emoji lost their records. It passes now, byte for byte,
/// unless `lone_surrogates: reject` asks for the contrary, and then the refusal says where.
@Suite struct LoneSurrogateTests {
    static let lone = [
        (#"["\ud800"]"#, 2), (#"["\udc00"]"#, 2), (#"["\ud800\u0041"]"#, 2), (#"["\ud800\ud800"]"#, 2), (#"["\ud83d\\ude80"]"#, 2),
        (#""\uDFFF""#, 1), (#"{"\ud83d":1}"#, 2), (#"["\ud83d\ude80\ude80"]"#, 14), (#"["\\\ud83d"]"#, 4), (#"["a","\ud800x"]"#, 6),
        (#"[1e400,"\ud83d"]"#, 8), (#"["\ud83d",1e400]"#, 2),
    ]

    private func problem(_ text: String, _ rule: LoneSurrogates) -> JSONProblem? {
        Array(text.utf8).withExactMemory { memory in
            var parser = JSONParser(loneSurrogates: rule)
            return parser.validate(memory)
        }
    }

    @Test(arguments: lone) func passesOrSaysWhereItIs(text: String, place: Int) {
        #expect(problem(text, .pass) == nil)
        let refusal = problem(text, .reject)
        #expect(refusal?.code == .invalidJSON)
        #expect(refusal?.explanation.contains("at byte \(place),") == true, "\(String(describing: refusal))")
    }

    @Test(arguments: [#"["\ud83d\ude80"]"#, #"["\\ud83d"]"#, #"["\\\\ud83d"]"#, #"["\ue000\ud7ff"]"#])
    func pairsAndBackslashesAreNone(text: String) {
        #expect(problem(text, .pass) == nil && problem(text, .reject) == nil)
    }

    @Test(arguments: [#"["\ud83d","\x"]"#, #"["\ud83d",01]"#, #"["\ud83d""#, "[\"\\ud83d\u{1}\"]", #"["\ud83"]"#])
    func hidesNoOtherMistake(text: String) { #expect(problem(text, .pass)?.code == .invalidJSON) }

    @Test func keepsItsBytesAndHasAReplacementAsText() throws {
        let text = #"{"a":"x\ud83dy","b":"\ud83d\ude80","\ud83d":1}"#
        try read(text) { root in
            #expect(root["a"]?.text.copied == #""x\ud83dy""#)
            #expect(root["a"]?.stringValue == "x\u{FFFD}y" && root["a"]?.hasLoneSurrogate == true)
            #expect(root["b"]?.stringValue == "🚀" && root["b"]?.hasLoneSurrogate == false)
            #expect(root["\u{FFFD}"]?.integer == 1)
            #expect(root.text.copied == text)
        }
        #expect(JSONDifference.between(expected: #""\ud83d""#, actual: #""\ud83e""#).count == 1)
        #expect(JSONDifference.between(expected: #""\ud83d""#, actual: #""\ud83d""#) == [])
    }

    /// Two of them would have made one channel.
    @Test func makesNoNameOfAChannel() {
        let reader = JSONFieldReader(paths: [FieldPath(names: ["a"]), FieldPath(names: ["b"])])
        var found: [String] = []
        Array(#"{"a":"\ud83d","b":"x"}"#.utf8).withUnsafeBytes { bytes in
            _ = reader.read(bytes) { _, field in
                if case .loneSurrogate = field { found.append("lone") } else { found.append("other") }
            }
        }
        #expect(found == ["lone", "other"])
    }
}
