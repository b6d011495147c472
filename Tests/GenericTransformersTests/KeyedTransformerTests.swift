import CAllocationCounter
import PatchbayAPI
import Synchronization
import TestSupport
import Testing
import TransformerTestSupport

@testable import GenericTransformers

/// Steps that tell records apart by a key: dedupe, throttle, conflate, sample.
@Suite("The steps with keys")
struct KeyedTransformerTests {
    static let all: [(definition: TransformerDefinition, options: [String: ConfigValue])] = [
        (DedupeTransformer.definition, ["key": .string("{id}")]), (ThrottleTransformer.definition, ["key": .string("{id}")]),
        (ConflateTransformer.definition, ["key": .string("{id}")]), (SampleTransformer.definition, ["one_in": .integer(1)]),
    ]

    /// Time that the test moves.
    final class Clock: Sendable {
        private let time = Atomic<Int64>(1_000)
        var steady: SteadyClock { SteadyClock { self.time.load(ordering: .relaxed) } }
        func pass(_ milliseconds: Int64) { time.wrappingAdd(milliseconds, ordering: .relaxed) }
    }

    @Test("Every example comes out as documented", arguments: all.map(\.definition.name))
    func examples(_ name: String) throws {
        let definition = try #require(Self.all.first { $0.definition.name == name }).definition
        for example in definition.examples {
            let outcome = try definition.outcome(of: example)
            #expect(outcome == example.outcome, "\(example.title): \(outcome)")
        }
        #expect(definition.options.allSatisfy { !$0.documentation.isEmpty && $0.example != nil })
    }

    @Test("What isn't JSON is rejected where it would pass", arguments: all.map(\.definition.name))
    func refuses(_ name: String) throws {
        let (definition, options) = try #require(Self.all.first { $0.definition.name == name })
        let transformer = try definition.make(options)
        let sink = CollectingSink()
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        OwnedBatch([Array("{".utf8), Array(deep.utf8), [0x22, 0xFF, 0x22], []]).run(transformer, into: sink)
        transformer.flush(into: EnvelopeWriter(sink))
        let codes = sink.outcomes.map { $0.outcome.rejection?.code }
        #expect(codes == ["invalid_json", "too_deep", "invalid_json", "invalid_json"])
    }

    /// Whatever comes: one outcome for each record, and nothing held at the end.
    @Test("Arbitrary bytes cost nothing but a rejection", arguments: 0..<4)
    func arbitraryBytes(_ seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed))
        let seeds = [
            #"{"id":7,"b":{"c":"x"}}"#, #"{"id":"\ud83d"}"#, #"{"id":{}}"#, #"{"id":123456789012345678901234567890,"id":1}"#, "[1]",
        ]
        let options: [(TransformerDefinition, [String: ConfigValue])] =
            Self.all.map { ($0.definition, $0.options) } + [
                (DedupeTransformer.definition, ["fields": .strings("id", "b.c"), "keys": .integer(3)]),
                (ThrottleTransformer.definition, ["key": .string("{@key}.{id}"), "keys": .integer(2)]),
                (ConflateTransformer.definition, ["key": .string("{@key}{b.c}"), "keys": .integer(2), "memory": .integer(65_536)]),
                (SampleTransformer.definition, ["one_in": .integer(2), "key": .string("{@key}{id}")]),
                (DedupeTransformer.definition, ["key": .string("{@key.id}{b.c}")]),
                (ConflateTransformer.definition, ["key": .string("{@key[0]}")]),
            ]
        for (definition, options) in options {
            let transformer = try definition.make(options)
            for round in 0..<60 {
                var values: [[UInt8]?] = []
                for _ in 0..<20 {
                    var bytes = Array((seeds.randomElement(using: &random) ?? "").utf8)
                    for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                    }
                    values.append(Int.random(in: 0..<20, using: &random) == 0 && definition.takesTombstones ? nil : bytes)
                }
                let sink = CollectingSink()
                let key = (0..<Int.random(in: 0...4, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
                OwnedBatch(values, key: round % 5 == 0 ? nil : key, from: Int64(round) * 20).run(transformer, into: sink)
                if round % 7 == 0 { transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink)) }
                transformer.flush(into: EnvelopeWriter(sink))
                #expect(Set(sink.outcomes.map(\.recordOffset)).count == 20 && sink.outcomes.count == 20 && sink.held.isEmpty)
            }
        }
    }

    // MARK: Keys

    @Test("Options that make no sense are refused")
    func options() {
        for (options, option) in [
            (["key": .string("fixed")], "key"), (["key": .string("{")], "key"), (["key": .string("{@nothing}")], "key"), ([:], nil),
            (["key": .string("{a}"), "fields": .strings("b")], "fields"), (["fields": .strings("a", "a")], "fields"),
        ] as [([String: ConfigValue], String?)] {
            let error = #expect(throws: OptionError.self) { try DedupeTransformer.definition.make(options) }
            #expect(error?.option == option && error?.message.isEmpty == false)
        }
        #expect(throws: OptionError.self) { try ConflateTransformer.definition.make(["key": .string("x")]) }
        #expect(throws: OptionError.self) { try ThrottleTransformer.definition.make(["key": .string("x")]) }
        #expect(throws: OptionError.self) { try SampleTransformer.definition.make(["one_in": .integer(2), "key": .string("x")]) }
    }

    @Test("Keys are told apart by every byte, and two fields don't run together")
    func keys() throws {
        let fields: [String: ConfigValue] = ["fields": .strings("a", "b")]
        let outcomes = try DedupeTransformer.definition.outcomes(
            of: [#"{"a":"1","b":"23"}"#, #"{"a":"12","b":"3"}"#, #"{"a":1,"b":23}"#, #"{"a":"\u0031","b":"23"}"#].map { Array($0.utf8) },
            options: fields)
        #expect(outcomes.map { $0 == .filtered } == [false, false, true, true])
        for (record, code) in [
            ("{}", "missing_field"), (#"{"a":null}"#, "missing_field"), (#"{"a":""}"#, "missing_field"), (#"{"a":[]}"#, "wrong_type"),
            (#"{"a":"\ud83d"}"#, "invalid_value"), ("[1]", "missing_field"),
            (#"{"a":"\#(String(repeating: "x", count: 1_025))"}"#, "too_large"),
        ] {
            let outcome = try DedupeTransformer.definition.outcome(of: record, options: ["key": .string("{a}")])
            #expect(outcome.rejection?.code == code, "\(record): \(outcome)")
        }
        let keyless = try DedupeTransformer.definition.outcome(of: "1", options: ["key": .string("{@key}")])
        #expect(keyless.rejection?.code == "missing_key" && keyless.rejection?.field == "@key")
    }

    @Test("Fields of the record's own key tell records apart, too, also where the record has no value")
    func fieldsOfKeys() throws {
        func run(_ values: [[UInt8]?], key: String?, into transformer: any Transformer) -> [RecordOutcome] {
            let sink = CollectingSink()
            OwnedBatch(values, key: key.map { Array($0.utf8) }).run(transformer, into: sink)
            return sink.outcomes.map(\.outcome)
        }
        let value = Array(#"{"n":1}"#.utf8)
        let dedupe = try DedupeTransformer.definition.make(["key": .string(#"{@key.id}/{n}/{@key["a.b"][0]}"#)])
        #expect(run([value], key: #"{"id":7,"a.b":["x"],"t":1}"#, into: dedupe) == [.data(#"{"n":1}"#)])
        #expect(run([value], key: #"{"t":2,"a.b":["x"],"id":"\u0037"}"#, into: dedupe) == [.filtered])
        #expect(run([value], key: #"{"id":7,"a.b":["y"]}"#, into: dedupe) == [.data(#"{"n":1}"#)])
        for (key, code, field) in [
            (nil, "missing_key", "@key"), ("7", "missing_field", "@key.id"), ("{", "invalid_json", "@key"), ("", "invalid_json", "@key"),
            (#"{"id":null}"#, "missing_field", "@key.id"), (#"{"id":{}}"#, "wrong_type", "@key.id"),
            (#"{"id":"\ud83d"}"#, "invalid_value", "@key.id"), (#"{"id":1}"#, "missing_field", #"@key["a.b"][0]"#),
        ] as [(String?, String, String)] {
            let rejection = try #require(run([value], key: key, into: dedupe).first?.rejection)
            #expect(rejection.code == code && rejection.field == field, "\(key ?? "none"): \(rejection)")
        }
        // What is deleted may come again.
        let forgetful = try DedupeTransformer.definition.make(["key": .string("{@key.id}")])
        let outcomes = run([value, value, nil, value], key: #"{"id":7}"#, into: forgetful)
        #expect(outcomes.map { $0 == .filtered } == [false, true, false, false])
        let conflate = try ConflateTransformer.definition.make(["key": .string("{@key.id}")])
        let sink = Told()
        OwnedBatch([value, nil], key: Array(#"{"id":7}"#.utf8)).run(conflate, into: sink)
        conflate.flush(into: EnvelopeWriter(sink))
        #expect(sink.told == [#"{"id":7}:deleted"#])
    }

    @Test("Reading the record's own key allocates nothing for a record", .enabled(if: allocation_count_is_available()))
    func keysAllocateNothing() throws {
        let transformer = try DedupeTransformer.definition.make(["key": .string("{@key.id}/{n}")])
        let batch = OwnedBatch((0..<500).map { Array(#"{"n":\#($0)}"#.utf8) }, key: Array(#"{"t":[1,{}],"id":"\u0061b"}"#.utf8))
        let sink = CountingSink()
        for _ in 0..<2 { batch.run(transformer, into: sink) }
        let before = allocation_count()
        for _ in 0..<10 { batch.run(transformer, into: sink) }
        // A batch may allocate without optimization.
        #expect(allocation_count() - before <= 10 * 4)
        #expect(sink.emitted == 500 && sink.filtered == 5_500)
    }

    @Test("A key of fields can't be told of a deletion, and the step says so")
    func deletionsWithoutFields() {
        for (key, isProblem) in [("{id}", true), ("{@key}{id}", true), ("{@key}", false), ("{@key.id}", false), ("{@header.a}", false)] {
            let problem = ConflateTransformer.definition.tombstoneProblem(OptionValues(["key": .string(key)]))
            #expect((problem?.option == "key") == isProblem, "\(key)")
        }
    }

    @Test("The table of keys agrees with a dictionary")
    func table() {
        var random = SeededGenerator(state: 3)
        let table = KeyTable()
        var model: [[UInt8]: Int] = [:]
        var order: [[UInt8]] = []
        for step in 0..<30_000 {
            let key = Array("\(Int.random(in: 0..<(step < 20_000 ? 3_000 : 20), using: &random))".utf8)
            key.withUnsafeBytes { bytes in
                // Few hashes, so that many keys lie side by side.
                let hash = KeyTable.hash(bytes) & 0xFF
                let found = table.find(bytes, hash: hash)
                #expect(found == model[key])
                if let found {
                    if Bool.random(using: &random) {
                        table.remove(found)
                        model[key] = nil
                        order.removeAll { $0 == key }
                    } else {
                        table.renew(found)
                        order.removeAll { $0 == key }
                        order.append(key)
                    }
                } else {
                    model[key] = table.add(bytes, hash: hash)
                    order.append(key)
                }
            }
            #expect(table.count == model.count)
            if step % 100 == 0 { #expect(table.oldest == order.first.flatMap { model[$0] }) }
        }
        #expect(Set(model.values).count == model.count)
        while let oldest = table.oldest { table.remove(oldest) }
        #expect(table.count == 0)
        table.removeAll()
        #expect(table.bytes == 0)
    }

    // MARK: Dedupe

    private func dedupe(_ options: [String: ConfigValue], _ clock: Clock) throws -> DedupeTransformer {
        let definition = DedupeTransformer.definition
        return DedupeTransformer(
            try DedupeTransformer.settings(OptionValues(options, defaultsOf: definition.options)), clock: clock.steady)
    }

    private func passes(_ texts: [String?], key: String? = nil, _ transformer: any Transformer) -> [Bool] {
        let sink = CollectingSink()
        OwnedBatch(texts.map { $0.map { Array($0.utf8) } }, key: key.map { Array($0.utf8) }).run(transformer, into: sink)
        return sink.outcomes.map { if case .data = $0.outcome { true } else { false } }
    }

    @Test("A key is remembered for a time, from its first record on")
    func dedupeWindow() throws {
        let clock = Clock()
        let transformer = try dedupe(["key": .string("{id}"), "within": .integer(100)], clock)
        #expect(passes([#"{"id":1}"#, #"{"id":1}"#, #"{"id":2}"#], transformer) == [true, false, true])
        clock.pass(99)
        #expect(passes([#"{"id":1}"#], transformer) == [false])
        clock.pass(1)
        #expect(passes([#"{"id":1}"#, #"{"id":1}"#], transformer) == [true, false])
        clock.pass(1_000)
        #expect(passes([#"{"id":9}"#], transformer) == [true] && transformer.count == 1)
    }

    @Test("What is deleted may come again, where the key needs no field")
    func dedupeTombstone() throws {
        let byKey = try dedupe(["key": .string("{@key}")], Clock())
        #expect(passes(["1"], key: "k", byKey) == [true] && passes(["2"], key: "k", byKey) == [false])
        // The sink takes a tombstone for an error; the router doesn't.
        #expect(passes([nil, "3"], key: "k", byKey) == [false, true])
        let byField = try dedupe(["key": .string("{id}")], Clock())
        #expect(passes([#"{"id":1}"#, nil, #"{"id":1}"#], key: "k", byField) == [true, false, false])
    }

    @Test("So many keys are remembered", .enabled(if: allocation_count_is_available()))
    func dedupeBound() throws {
        let transformer = try dedupe(["key": .string("{id}"), "keys": .integer(100)], Clock())
        func batch(_ from: Int) -> OwnedBatch { OwnedBatch((from..<from + 500).map { Array(#"{"id":\#($0 + 100_000)}"#.utf8) }) }
        let batches = (0..<8).map { batch($0 * 500) }
        let sink = CountingSink()
        for batch in batches[..<4] { batch.run(transformer, into: sink) }
        let before = allocation_count()
        for batch in batches[4...] { batch.run(transformer, into: sink) }
        // Ever new keys take the memory of those that are forgotten; a batch may allocate without optimization.
        #expect(allocation_count() - before <= 4 * 4)
        #expect(transformer.count == 100 && sink.emitted == 4_000)
    }

    // MARK: Throttle

    private func throttle(_ options: [String: ConfigValue], _ clock: Clock) throws -> ThrottleTransformer {
        let definition = ThrottleTransformer.definition
        return ThrottleTransformer(
            try ThrottleTransformer.settings(OptionValues(options, defaultsOf: definition.options)), clock: clock.steady)
    }

    @Test("So many of a key pass in an interval, which begins with the first")
    func throttleByKey() throws {
        let clock = Clock()
        let transformer = try throttle(["key": .string("{id}"), "messages": .integer(2), "every": .integer(100)], clock)
        let (one, two) = (#"{"id":1}"#, #"{"id":2}"#)
        #expect(passes([one, one, one, two], transformer) == [true, true, false, true])
        clock.pass(60)
        #expect(passes([one, two, two], transformer) == [false, true, false])
        clock.pass(40)
        #expect(passes([one, one, one], transformer) == [true, true, false])
        clock.pass(1_000)
        #expect(passes([two], transformer) == [true] && transformer.count == 1)
    }

    @Test("All together, without a key")
    func throttleWhole() throws {
        let clock = Clock()
        let transformer = try throttle(["messages": .integer(2), "every": .integer(100)], clock)
        // What is left out isn't looked at.
        #expect(passes(["1", "2", "{", "3"], transformer) == [true, true, false, false])
        clock.pass(100)
        #expect(passes(["4"], transformer) == [true])
    }

    @Test("Keys beyond the bound have the oldest forgotten")
    func throttleBound() throws {
        let transformer = try throttle(["key": .string("{id}"), "keys": .integer(2), "every": .integer(100)], Clock())
        let texts = [1, 2, 3, 3, 2, 1].map { #"{"id":\#($0)}"# }
        #expect(passes(texts, transformer) == [true, true, true, false, false, true] && transformer.count == 2)
    }

    // MARK: Sample

    @Test("By key, the same ones pass always and everywhere, about as many as asked for")
    func sampleByKey() throws {
        let texts = (0..<10_000).map { #"{"id":"user-\#($0)"}"# }
        func passing() throws -> [Bool] {
            passes(texts, try SampleTransformer.definition.make(["one_in": .integer(10), "key": .string("{id}")]))
        }
        let first = try passing()
        #expect(try passing() == first)
        #expect((850...1_150).contains(first.count { $0 }))
        // Of another version, too: these must never change.
        #expect(first.enumerated().filter(\.element).prefix(5).map(\.offset) == Self.firstSampled)
        #expect(SampleTransformer.definition.memory(OptionValues(["key": .string("{id}")])) == .none)
        #expect(SampleTransformer.definition.memory(OptionValues([:])) == .earlierRecords)
    }

    private static let firstSampled: [Int] = {
        // Worked out apart from the transformer.
        (0..<10_000).filter { number in
            var hash: UInt64 = 14_695_981_039_346_656_037
            for byte in "user-\(number)".utf8 {
                hash ^= UInt64(byte)
                hash = hash &* 1_099_511_628_211
            }
            hash ^= hash >> 33
            hash = hash &* 18_397_679_294_719_823_053
            hash ^= hash >> 33
            hash = hash &* 14_181_476_777_654_086_739
            hash ^= hash >> 33
            return hash % 10 == 0
        }.prefix(5).map { $0 }
    }()

    // MARK: Conflate

    private func conflate(_ options: [String: ConfigValue]) throws -> ConflateTransformer {
        try #require(try ConflateTransformer.definition.make(options) as? ConflateTransformer)
    }

    private func texts(_ sink: CollectingSink) -> [String] {
        sink.outcomes.compactMap { if case .data(let text) = $0.outcome { text } else { nil } }
    }

    @Test("The newest of each key passes when its time has come, once")
    func conflateNewest() throws {
        let transformer = try conflate(["key": .string("{id}"), "every": .integer(250)])
        #expect(transformer.tickInterval == .milliseconds(250))
        let sink = CollectingSink()
        let batch = [#"{"id":1,"n":1}"#, #"{"id":2,"n":1}"#, #"{"id":1,"n":2222222222222222222222222222222222}"#, "{", #"{"id":1,"n":3}"#]
        OwnedBatch(batch.map { Array($0.utf8) }).run(transformer, into: sink)
        // Records that were replaced hold nothing back any more.
        #expect(sink.held.map(\.recordOffset) == [1, 4] && texts(sink).isEmpty)
        transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink))
        #expect(texts(sink) == [#"{"id":1,"n":3}"#, #"{"id":2,"n":1}"#] && sink.held.isEmpty)
        transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink))
        #expect(texts(sink).count == 2)
        OwnedBatch([Array(#"{"id":2,"n":2}"#.utf8)], from: 9).run(transformer, into: sink)
        transformer.flush(into: EnvelopeWriter(sink))
        #expect(texts(sink).last == #"{"id":2,"n":2}"# && sink.outcomes.last?.recordOffset == 9 && sink.held.isEmpty)
    }

    /// Takes what tombstones and keys become.
    private final class Told: EnvelopeSink {
        var told: [String] = []
        func emit(_ record: Record, data: UnsafeRawBufferPointer) { told.append(key(record) + String(decoding: data, as: UTF8.self)) }
        func emitTombstone(_ record: Record) { told.append(key(record) + "deleted") }
        func reject(_ record: Record, _ rejection: Rejection) { told.append(rejection.code) }
        func filter(_ record: Record, because reason: FilterReason) { told.append("filtered") }
        private func key(_ record: Record) -> String { record.key.map { String(decoding: $0, as: UTF8.self) + ":" } ?? "" }
    }

    @Test("A deletion takes the place of what came before, and the record's own key stays with it")
    func conflateTombstones() throws {
        let transformer = try conflate(["key": .string("{@key}")])
        let sink = Told()
        OwnedBatch([Array("1".utf8), nil], key: Array("a".utf8)).run(transformer, into: sink)
        OwnedBatch([nil, Array("2".utf8)], key: Array("b".utf8)).run(transformer, into: sink)
        OwnedBatch([nil]).run(transformer, into: sink)
        transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink))
        #expect(sink.told == ["missing_key", "a:deleted", "b:2"])
        let byField = try conflate(["key": .string("{id}")])
        let refused = Told()
        OwnedBatch([nil], key: Array("a".utf8)).run(byField, into: refused)
        #expect(refused.told == ["missing_field"])
    }

    @Test("With one key too many, or too much memory, all pass before their time")
    func conflateBounds() throws {
        let transformer = try conflate(["key": .string("{id}"), "keys": .integer(3)])
        let sink = CollectingSink()
        OwnedBatch([1, 2, 3, 1, 4].map { Array(#"{"id":\#($0)}"#.utf8) }).run(transformer, into: sink)
        #expect(texts(sink) == [1, 2, 3].map { #"{"id":\#($0)}"# } && sink.held.count == 1 && transformer.memory.keys == 1)
        let large = try conflate(["key": .string("{id}"), "memory": .integer(65_536)])
        let other = CollectingSink()
        let pad = String(repeating: "x", count: 20_000)
        OwnedBatch([1, 2, 3, 4].map { Array(#"{"id":\#($0),"p":"\#(pad)"}"#.utf8) }).run(large, into: other)
        #expect(texts(other).count == 3 && other.held.count == 1 && large.memory.bytes <= 65_536)
    }

    @Test("A key that had no record for long gives its memory back")
    func conflateIdle() throws {
        let transformer = try conflate(["key": .string("{id}")])
        let sink = CountingSink()
        OwnedBatch((0..<5_000).map { Array(#"{"id":\#($0)}"#.utf8) }).run(transformer, into: sink)
        for round in 0..<200 {
            OwnedBatch([Array(#"{"id":1}"#.utf8)]).run(transformer, into: sink)
            transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink))
            if round == 20 { #expect(transformer.memory.keys == 5_000) }
        }
        #expect(transformer.memory.keys == 1 && sink.emitted == 5_000 + 199)
        for _ in 0..<200 { transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink)) }
        #expect(transformer.memory.keys == 0 && transformer.memory.bytes == 0)
    }

    /// 10,000 keys: at most 300 bytes a key beside the message, and nothing allocated once all keys have come.
    @Test("Memory of a key, and none for a record", .enabled(if: allocation_count_is_available()))
    func conflateMemory() throws {
        let transformer = try conflate(["key": .string("{Token}")])
        let pad = String(repeating: "x", count: 300)
        let values = (0..<10_000).map { number -> [UInt8] in
            let text = "\(number)"
            return Array(#"{"Token":"0x\#(String(repeating: "0", count: 40 - text.count))\#(text)","p":"\#(pad)"}"#.utf8)
        }
        let batches = stride(from: 0, to: 10_000, by: 500).map {
            OwnedBatch(Array(values[$0..<$0 + 500]), key: Array(values[$0].suffix(42)))
        }
        let sink = CountingSink()
        for _ in 0..<2 {
            for batch in batches { batch.run(transformer, into: sink) }
            transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink))
        }
        #expect(transformer.bytesPerKey - values[0].count <= 300)
        let before = allocation_count()
        for _ in 0..<3 {
            for batch in batches { for _ in 0..<2 { batch.run(transformer, into: sink) } }
            transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink))
        }
        // Some for a batch, since the tests are built without optimization; none for a record.
        #expect(allocation_count() - before <= 2 * 120)
        #expect(sink.emitted == 50_000)
    }
}
