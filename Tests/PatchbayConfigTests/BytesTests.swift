import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Bytes that are no text")
struct BytesTests {
    private func findings(_ bytes: [UInt8]) -> [Finding] {
        ConfigurationLoader.load(bytes: bytes, file: "routes.yaml", environment: [:], transformers: fakes)
            .diagnostics.map(Finding.init)
    }

    @Test(
        "are refused at their place",
        arguments: [
            ("stray continuation", [0x80]), ("cut short", [0xE2, 0x82]), ("overlong slash", [0xC0, 0xAF]),
            ("overlong three bytes", [0xE0, 0x80, 0xAF]), ("surrogate", [0xED, 0xA0, 0x80]), ("past the end", [0xF4, 0x90, 0x80, 0x80]),
            ("Latin-1", [0xE9]),
        ] as [(String, [UInt8])])
    func notUTF8(_ name: String, _ bytes: [UInt8]) {
        let text = Array("version: 1\nä: ".utf8) + bytes + Array("\n".utf8)
        #expect(findings(text) == [Finding(2, 4, "the file is not UTF-8", "save it as UTF-8")])
    }

    @Test("UTF-16 is recognised", arguments: [[0xFF, 0xFE, 0x76, 0x00], [0xFE, 0xFF, 0x00, 0x76]] as [[UInt8]])
    func utf16(_ bytes: [UInt8]) {
        #expect(findings(bytes) == [Finding(1, 1, "the file is not UTF-8", "it looks like UTF-16; save it as UTF-8")])
    }

    @Test(
        "characters that YAML forbids are named",
        arguments: [
            ("\u{0}", "U+0000"), ("\u{7}", "U+0007"), ("\u{1B}", "U+001B"), ("\u{7F}", "U+007F"), ("\u{9B}", "U+009B"),
            ("\u{FFFE}", "U+FFFE"), ("\u{FEFF}", "U+FEFF"),
        ])
    func forbidden(_ character: String, _ name: String) {
        #expect(
            findings(Array("version: 1\nä: \(character)\n".utf8))
                == [Finding(2, 4, "the character \(name) is not allowed in a YAML file", "remove it")])
    }

    @Test("lines are found by number, whatever ends them")
    func lines() {
        let source = SourceText(file: "f", bytes: Array("a\r\nb\rc\u{85}d\u{2028}e\n\nf".utf8))
        #expect(source.lines([1, 2, 3, 4, 5, 6, 7, 8]) == [1: "a", 2: "b", 3: "c", 4: "d", 5: "e", 6: "", 7: "f"])
        #expect(source.lines([]) == [:])
        #expect(source.position(ofByte: source.bytes.count - 1) == SourcePosition(file: "f", line: 7, column: 1))
    }
}
