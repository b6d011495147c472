import Foundation
import PatchbayAPI
import Testing

/// Names were compared as Swift strings, for which canonically equal texts are one: a subscriber of a channel got the
/// records of another one whose name only looked the same. This type is what names are compared by now.
@Suite struct ByteStringTests {
    /// Equal for `String`, different in Kafka and in JSON.
    static let pairs = [
        ("caf\u{E9}", "cafe\u{301}"), ("K", "\u{212A}"), ("\u{C5}", "\u{212B}"), ("\u{AC00}", "\u{1100}\u{1161}"),
        ("a\u{323}\u{307}", "a\u{307}\u{323}"),
    ]

    @Test(arguments: pairs) func equalsByBytes(left: String, right: String) {
        #expect(left == right)
        #expect(ByteString(left) != ByteString(right))
        #expect(!left.hasSameBytes(as: right))
        #expect(Set([ByteString(left), ByteString(right)]).count == 2)
        #expect(ByteString(left) == ByteString(String(decoding: Array(left.utf8), as: UTF8.self)))
        #expect(![left].containsBytes(of: right))
        #expect(![left].hasSameBytes(as: [right]))
        #expect((ByteString(left) < ByteString(right)) != (ByteString(right) < ByteString(left)))
    }

    /// What is made of names: a reload compared routes by these, and took one for the other.
    @Test(arguments: pairs) func whatIsMadeOfNamesIsComparedLikeThem(left: String, right: String) throws {
        #expect(ConfigValue.string(left) != .string(right))
        #expect(ConfigValue.map([ByteString(left): .null]) != .map([ByteString(right): .null]))
        #expect(TopicSelector.name(left) != .name(right))
        #expect(!TopicSelector.name(left).matches(right) && TopicSelector.name(left).matches(left))
        #expect(ChannelTemplate(plain: left) != ChannelTemplate(plain: right))
        #expect(try ChannelTemplate("\(left).{f}") != ChannelTemplate("\(right).{f}"))
        #expect(ErrorPolicy.deadLetter(topic: left) != .deadLetter(topic: right))
        #expect(Rejection(code: left, explanation: "") != Rejection(code: right, explanation: ""))
        #expect(Rejection(code: "c", field: left, explanation: "") != Rejection(code: "c", field: right, explanation: ""))
    }

    @Test func isOneValueInLiteralsAndText() {
        let name: ByteString = "k.\("BANK")"
        #expect("\(name)" == "k.BANK")
        #expect([name: 1]["k.BANK"] == 1)
        #expect(["b", "a", "\u{212A}", "K"].sortedByBytes() == ["K", "a", "b", "\u{212A}"])
    }

    @Test func isAKeyOfAJSONObject() throws {
        let bytes = try JSONEncoder().encode([ByteString("a"): ByteString("b")])
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"a":"b"}"#)
        #expect(try JSONDecoder().decode([ByteString: ByteString].self, from: bytes) == ["a": "b"])
    }
}
