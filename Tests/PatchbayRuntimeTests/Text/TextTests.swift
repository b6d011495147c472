import Foundation
import NIOCore
import PatchbayAPI
import PatchbayKafka
import Testing

@testable import PatchbayRuntime

/// Words and numbers as commands and log lines say them.
@Suite struct TextTests {
    /// `bind(descriptor:ptr:bytes:): Address already in use) (errno: 98)` was what people read when a port was taken.
    @Test func errorsOfLibrariesAreSaidInWords() {
        #expect(ErrorSentence.of(IOError(errnoCode: EADDRINUSE, reason: "bind(descriptor:ptr:bytes:)")) == "the address is in use")
        #expect(ErrorSentence.of(IOError(errnoCode: ENOTCONN, reason: "x")) == "transport endpoint is not connected")
        #expect(ErrorSentence.of(ChannelError.connectTimeout(.seconds(1))) == "no answer in time")
        #expect(ErrorSentence.of(KafkaError(.other, "no broker")) == "no broker")
        #expect(ErrorSentence.of(HTTPRequestOnce.TimedOut(timeout: .seconds(5))) == "no complete answer within 5 s")
        do {
            try "x".write(toFile: "/nowhere/at/all", atomically: false, encoding: .utf8)
        } catch {
            #expect(ErrorSentence.of(error) == "there is no such file or folder")
        }
    }

    @Test func numbersHaveTheirNouns() {
        #expect(
            [0, 1, 2, -1, 1_234_567].map { Counted.text($0, "record") } == [
                "0 records", "1 record", "2 records", "-1 record", "1,234,567 records",
            ])
        #expect(Counted.text(2, "record was", "records were") == "2 records were")
    }
}
