import Foundation
import PatchbayAPI
import TestSupport
import Testing
import TransformerTestSupport

/// Every step takes any bytes: it gives each record one verdict, and what it emits is JSON.
@Suite("Steps on random records")
struct StepFuzzTests {
    private static let seeds = [
        #"{"a":{"b":1e3},"c":"007","l":["x",{"a":"bc"}],"t":1767225599000,"u":"2026-01-01T01:00:00.75+01:00","n":"1.50","o":"TRUE","p":"{\"q\":[1]}"}"#,
        #"{ "a" : { "b" : "12.5" } , "c" : 5.0 , "l" : [ { "a" : 1 } , { "a" : "\ud83d" } ] , "x.y" : "z" }"#,
        #"[{"a":1},[2]]"#, #"{"l":[{},{"z":1}],"a":{"b":[]},"a":1}"#, #""{\"a\":1}""#, #"{"n":{"m":[0]},"t":[],"z":null}"#, "7",
    ]
    private static let fragments = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0061", "\\ud83d", "\"a\":", "\"c\":1,", "1e400", "-", "0", ".5", "null", "true", " ",
        "\u{0}", "é",
        "123456789012345678901234567890", "{\"b\":", "[1,", "2026-02-30T00:00:00Z",
    ].map { Array($0.utf8) }

    private static func mutated(_ seeds: [String], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = Array((seeds.randomElement(using: &random) ?? "").utf8)
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, place + Int.random(in: 0...10, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(place..<end)
            case 1: bytes.insert(contentsOf: fragments.randomElement(using: &random) ?? [], at: place)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 3: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
            default: bytes.replaceSubrange(place..<end, with: fragments.randomElement(using: &random) ?? [])
            }
        }
        return bytes
    }

    @Test("Each has one verdict on each record, and makes JSON only", arguments: FuzzedSteps.all)
    func verdicts(_ step: FuzzedStep) throws {
        var random = SeededGenerator(state: 99)
        let transformer = try step.make()
        let seeds = Self.seeds + step.definition.examples.map(\.input)
        var emitted = 0
        for round in 0..<60 {
            let records = (0..<50).map { _ in Self.mutated(seeds, &random) }
            let key = Array((round % 2 == 0 ? #"{"id":7}"# : "{").utf8)
            if let problem = step.problem(of: transformer, with: records, key: key, emitted: &emitted) {
                Issue.record("round \(round): \(problem)")
            }
        }
        #expect(emitted > 5, "or nothing was tested")
    }

    @Test("No step is left out")
    func complete() throws {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let files = try FileManager.default.contentsOfDirectory(atPath: root + "/Plugins/GenericTransformers")
        let steps = files.filter { $0.hasSuffix("Transformer.swift") }.map { $0.dropLast("Transformer.swift".count).lowercased() }
        #expect(steps.count > 10)
        let fuzzed = Set(FuzzedSteps.all.map(\.definition.name))
        #expect(steps.filter { !fuzzed.contains($0) } == [])
    }
}
