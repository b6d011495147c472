import Logging
import Testing

@testable import PatchbayRuntime

@Suite struct TextLineTests {
    private struct Failure: Error, CustomStringConvertible { let description = "no luck" }

    private func line(_ level: Logger.Level = .info, _ message: String, _ metadata: Logger.Metadata = [:]) -> String {
        let fixture = LogFixture()
        fixture.logger(fixture.pipeline()).log(level: level, "\(message)", metadata: metadata, source: "M")
        return fixture.lines.joined()
    }

    @Test func aLineReadsWell() {
        #expect(
            line(.info, "message", ["key": "value", "key2": "two words"])
                == "2026-01-31T12:00:00.000Z INFO  message  key=value key2=\"two words\"\n")
        #expect(line(.warning, "m") == "2026-01-31T12:00:00.000Z WARNING m\n")
        #expect(line(.debug, "m", ["a": "1"]) == "2026-01-31T12:00:00.000Z DEBUG m  a=1 source=M\n")
        #expect(
            line(.error, "m", ["list": ["a b", "c"], "map": ["k": "v"]]).hasSuffix(
                "ERROR m  list=[\"a b\",\"c\"] map={\"k\":\"v\"}\n"))
    }

    @Test(arguments: nastyTexts) func nothingForgesALineOrMovesTheCursor(text: String) {
        let line = line(.info, text, ["value": "\(text)", "\(text)": "key", "nested": ["\(text)"]])
        #expect(line.hasSuffix("\n"))
        #expect(line.dropLast().unicodeScalars.allSatisfy(LineWriter.isPlain), "\(line.debugDescription)")
    }

    @Test(arguments: [
        ("", "\"\""), ("a=b", "\"a=b\""), ("a b", "\"a b\""), ("say \"x\"", #""say \"x\"""#), ("a\\n", #""a\\n""#),
        ("a\nb", #""a\nb""#), ("{x", "\"{x\""), ("[x", "\"[x\""), ("\u{202E}x", #""\u{202E}x""#),
        ("\u{1B}[2J", #""\u{1B}[2J""#), ("日本", "日本"),
    ]) func valuesThatCouldBeMistakenAreQuoted(value: String, expected: String) {
        #expect(line(.info, "m", ["k": "\(value)"]).hasSuffix("m  k=\(expected)\n"))
    }

    @Test func metadataComesFromHandlerProviderAndCallWithTheNearestWinning() {
        let fixture = LogFixture()
        let provider = Logger.MetadataProvider { ["a": "provider", "b": "provider", "p": "1"] }
        var logger = fixture.logger(fixture.pipeline(), provider: provider)
        logger[metadataKey: "a"] = "handler"
        logger[metadataKey: "h"] = "1"
        #expect(logger[metadataKey: "a"] == "handler")
        logger.info("m", metadata: ["b": "call"])
        #expect(fixture.lines.first?.hasSuffix("m  a=provider b=call h=1 p=1\n") == true)
    }

    @Test func anErrorIsSaid() {
        let fixture = LogFixture()
        fixture.logger(fixture.pipeline()).error("m", error: Failure())
        let line = fixture.lines.joined()
        #expect(line.contains("error=\"no luck\""))
        #expect(line.contains("Failure"))
    }

    @Test func aDisabledLevelBuildsNothing() {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline(), level: .warning)
        var built = 0
        func message() -> Logger.Message {
            built += 1
            return "m"
        }
        logger.info(message())
        #expect(built == 0)
        logger.warning(message())
        #expect(built == 1)
        #expect(fixture.lines.count == 1)
    }
}
