import Foundation
import NIOCore
import PatchbayAPI
import Testing

@testable import PatchbayCore

@Suite struct TextTests {
    @Test(arguments: [0, 1, 951_782_399_999, 951_782_400_000, 1_709_164_800_123, 4_107_542_399_999, -1, 1_735_689_599_999])
    func timestampsAgreeWithFoundation(_ milliseconds: Int64) throws {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let expected = formatter.string(from: Date(timeIntervalSince1970: Double(milliseconds) / 1000))
        #expect(Timestamp.text(milliseconds) == expected)
    }

    @Test func everyDayOfFourCenturiesIsADateOfItsOwn() {
        var previous = ""
        for day in stride(from: Int64(-73_000), to: 146_097, by: 1) {
            let text = Timestamp.text(day * 86_400_000)
            #expect(text.count == 24 && text > previous)
            previous = text
        }
    }

    @Test(arguments: ["", "plain", "q\"b\\s/", "tab\tnl\ncr\r", "nul\u{0}esc\u{1B}del\u{7F}", "é漢😀\u{2028}"])
    func quotedTextReadsBackAsItself(_ text: String) throws {
        let json = JSONLiteral.quoted(text)
        let back = try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed) as? String
        #expect(back == text)
    }

    @Test(arguments: [0, 125, 126, 127, 65_535, 65_536, 1 << 20])
    func frameHeadersHaveTheLengthTheyAnnounce(_ size: Int) {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 8)
        defer { buffer.deallocate() }
        #expect(FrameHeader.write(payloadSize: size, to: buffer) == FrameHeader.size(payloadSize: size))
    }

    @Test func controlMessagesAreEnvelopes() throws {
        let text = ControlMessage.gap(channel: "a\"b", dropped: 3, reason: "slow_consumer").envelope
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        #expect(object?["type"] as? String == "gap")
        #expect(object?["channel"] as? String == "a\"b")
        #expect((object?["data"] as? [String: Any])?["dropped"] as? Int == 3)
        #expect((object?["timestamp"] as? String)?.count == 24)
    }
}
