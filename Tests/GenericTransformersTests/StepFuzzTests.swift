import GenericTransformers
import PatchbayAPI
import PatchbayJSON
import TestSupport
import Testing
import TransformerTestSupport

/// Every step takes any bytes: it gives each record one verdict, and what it emits is JSON.
@Suite("Steps on random records")
struct StepFuzzTests {
    struct Step: CustomTestStringConvertible, Sendable {
        let definition: TransformerDefinition
        let options: [String: ConfigValue]
        var testDescription: String { "\(definition.name) \(options.count)" }
    }

    private static func fields(_ fields: [ByteString: ConfigValue]) -> [String: ConfigValue] { ["fields": .map(fields)] }

    static let steps = [
        Step(definition: JSONTransformer.definition, options: [:]),
        Step(definition: FilterTransformer.definition, options: ["where": .string(#".a.b[1] == 1 or ."x.y" == "z" or @key.id > 1"#)]),
        Step(definition: PickTransformer.definition, options: ["fields": .strings("a.b", "c", #"["x.y"]"#)]),
        Step(definition: RenameTransformer.definition, options: fields(["a.b": .string("z"), "l[1].a": .string("q\"")])),
        Step(definition: DropTransformer.definition, options: ["fields": .strings("a.b", "c", "l[0]", "l[1].a", "[0]")]),
        Step(
            definition: SetTransformer.definition,
            options: fields([
                "a.b": .json(#""{c}""#), "n.m[0]": .json("1"), "l[1].a": .json(#""{a} {@key} {{}}""#), "t": .json(#"["{@key.id}",1.50]"#),
            ]).merging(["missing": .string("skip")]) { $1 }),
        Step(
            definition: SetTransformer.definition,
            options: fields(["z": .json(#""{c}{a.b}""#)]).merging(["missing": .string("null")]) { $1 }),
        Step(
            definition: ConvertTransformer.definition,
            options: fields([
                "a.b": .string("decimal"), "c": .string("integer"), "l[0]": .string("string"), "l[1].a": .string("upper"),
                "t": .map(["from": .string("epoch_ms"), "to": .string("iso8601")]),
                "u": .map(["from": .string("iso8601"), "to": .string("epoch_ns")]), "n": .string("number"), "o": .string("boolean"),
            ]).merging(["invalid": .string("pass")]) { $1 }),
        Step(definition: FlattenTransformer.definition, options: ["separator": .string("\""), "depth": .integer(2)]),
        Step(definition: UnwrapTransformer.definition, options: ["path": .string("l[1]")]),
        Step(definition: ParseTransformer.definition, options: ["fields": .strings("p", "l[0]"), "invalid": .string("pass")]),
        Step(definition: ParseTransformer.definition, options: [:]),
        Step(definition: SplitTransformer.definition, options: ["path": .string("l"), "keep": .strings("c", "a.b"), "as": .string("x")]),
        Step(definition: SplitTransformer.definition, options: ["path": .string("l"), "keep": .strings("c")]),
        Step(definition: DecodeTransformer.definition, options: ["format": .string("text"), "invalid": .string("replace")]),
        Step(definition: DecodeTransformer.definition, options: ["format": .string("text")]),
    ]

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

    private static func mutated(_ random: inout SeededGenerator) -> [UInt8] {
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

    @Test("Each has one verdict on each record, and makes JSON only", arguments: steps)
    func verdicts(_ step: Step) throws {
        var random = SeededGenerator(state: 99)
        var parser = JSONParser(limits: .records)
        let transformer = try step.definition.make(step.options)
        var emitted = 0
        for round in 0..<60 {
            let records = (0..<50).map { _ in Self.mutated(&random) }
            let sink = CollectingSink()
            OwnedBatch(records, key: Array((round % 2 == 0 ? #"{"id":7}"# : "{").utf8), timestampMilliseconds: 5).run(
                transformer, into: sink)
            let verdicts = Dictionary(grouping: sink.outcomes, by: \.recordOffset)
            for (index, record) in records.enumerated() {
                let outcomes = (verdicts[Int64(index)] ?? []).map(\.outcome)
                let shown = "\(String(decoding: record, as: UTF8.self)) -> \(outcomes)"
                var data = 0
                for outcome in outcomes {
                    guard case .data(let text) = outcome else { continue }
                    data += 1
                    if let problem = Array(text.utf8).withUnsafeBytes({ parser.validate($0) }) { Issue.record("\(problem): \(shown)") }
                }
                emitted += data
                if outcomes.isEmpty || outcomes.count > 1 && data != outcomes.count { Issue.record("\(shown)") }
            }
        }
        #expect(emitted > 50, "or nothing was tested")
    }
}
