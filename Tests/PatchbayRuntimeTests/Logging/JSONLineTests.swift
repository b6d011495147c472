import Foundation
import Logging
import Testing

@testable import PatchbayRuntime

@Suite struct JSONLineTests {
    @Test func aLineHasItsMembersAndMetadataBesideThem() throws {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline(format: .json))
        logger.warning("record rejected", metadata: ["topic": "trades", "record_offset": "17"])
        #expect(
            fixture.lines == [
                #"{"timestamp":"2026-01-31T12:00:00.000Z","level":"warning","logger":"test","#
                    + #""message":"record rejected","record_offset":"17","topic":"trades"}"# + "\n"
            ])
    }

    @Test(arguments: nastyTexts) func anyTextComesBackAsItWas(text: String) throws {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline(format: .json))
        logger.info("\(text)", metadata: ["value": "\(text)", "list": ["\(text)"], "map": ["inner": "\(text)"]])
        let line = try #require(fixture.lines.first)
        #expect(line.dropLast().unicodeScalars.allSatisfy(LineWriter.isPlain), "\(line.debugDescription)")
        #expect(line.hasSuffix("}\n"))
        let object = try #require(try fixture.objects().first)
        // Scalars, because == on strings forgives differences in normalization.
        func same(_ value: Any?) -> Bool {
            (value as? String).map { Array($0.unicodeScalars) == Array(text.unicodeScalars) } ?? false
        }
        #expect(same(object["message"]))
        #expect(same(object["value"]))
        #expect(same((object["list"] as? [Any])?.first))
        #expect(same((object["map"] as? [String: Any])?["inner"]))
    }

    @Test func numbersAndFlagsKeepTheirType() throws {
        let fixture = LogFixture()
        fixture.logger(fixture.pipeline(format: .json)).info(
            "x",
            metadata: [
                "count": .stringConvertible(42), "flag": .stringConvertible(true), "ratio": .stringConvertible(1.5),
                "none": .stringConvertible(Double.nan), "text": .stringConvertible(Duration.seconds(1)),
            ])
        let line = try #require(fixture.lines.first)
        #expect(line.contains(#""count":42,"flag":true,"none":"nan","ratio":1.5,"text":"1.0 seconds""#))
        _ = try fixture.objects()
    }

    @Test func keysBecomeSnakeCaseAndStayApart() throws {
        let fixture = LogFixture()
        fixture.logger(fixture.pipeline(format: .json)).info(
            "x",
            metadata: [
                "requestID": "1", "hb.request-id": "2", "level": "3", "timestamp": "4", "a.b": "5", "a_b": "6", "": "7",
                "k\"ey\n": "8", "Route": "9",
            ])
        let object = try #require(try fixture.objects().first)
        let expected = [
            "request_id": "1", "hb_request_id": "2", "metadata_level": "3", "metadata_timestamp": "4", "a_b": "5",
            "a_b_2": "6", "_": "7", "k_ey_": "8", "route": "9", "level": "info",
        ]
        for (key, value) in expected { #expect(object[key] as? String == value, "\(key)") }
    }

    @Test func deepMetadataEnds() throws {
        var value = Logger.MetadataValue.string("core")
        for _ in 0..<40 { value = .array([value]) }
        let fixture = LogFixture()
        fixture.logger(fixture.pipeline(format: .json)).info("x", metadata: ["deep": value])
        _ = try fixture.objects()
        #expect(fixture.lines.first?.contains("core") == true)
    }

    @Test func theSourceIsSaidToThoseWhoDebug() throws {
        let fixture = LogFixture()
        let logger = fixture.logger(fixture.pipeline(format: .json))
        logger.debug("x", source: "PatchbayKafka")
        logger.info("x", source: "PatchbayKafka")
        let objects = try fixture.objects()
        #expect(objects.map { $0["source"] as? String } == ["PatchbayKafka", nil])
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_798_761_599_009, "2026-12-31T23:59:59.009Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func timestamps(milliseconds: Int64, text: String) {
        var writer = LineWriter()
        writer.timestamp(milliseconds)
        #expect(writer.string == text)
    }
}
