import PatchbayJSON
import TestSupport
import Testing

@Suite("Parser: random texts")
struct FuzzTests {
    static let seeds: [String] = [
        #"{"Token":"0x01","SellBuy":"buy","n":[1,-2.5e-3,0,1e999,123456789012345678901234567890],"t":true,"f":false,"z":null}"#,
        #"{ "a" : { "b" : [ [ ] , { } , [ { "c" : "\ud83d\ude80 \u00e9 \\ \" \/ \b\f\n\r\t é🚀" } ] ] } , "" : "" }"#,
        "[[[[[[[[]]]]]]],{\"x\":[1,2,3]},\"\",\"y\"]",
        "  \t\n[0.1,1.0E+10,-0]\r ",
        "\"just a string\"", "-12.75",
    ]
    /// Bytes that mean something to a parser.
    static let interesting =
        Array(#"{}[],:"\/utfn0123456789+-.eE x"#.utf8) + [0x00, 0x09, 0x0A, 0x1F, 0x7F, 0x80, 0xC3, 0xA9, 0xED, 0xF0, 0xFF]

    @Test("Mutated texts are judged as the grammar says, and what passes can be walked whole", arguments: 0..<8)
    func agreesWithReference(_ seed: Int) {
        var random = SeededGenerator(state: UInt64(seed))
        var parser = JSONParser()
        var accepted = 0
        for _ in 0..<6_000 {
            var bytes = Array((Self.seeds.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) { Self.mutate(&bytes, &random) }
            let isValid = ReferenceValidator.accepts(bytes)
            bytes.withExactMemory { memory in
                switch parser.read(memory, { Self.compacted($0) }) {
                case .success(let compact):
                    accepted += 1
                    #expect(isValid, "passed: \(String(decoding: bytes, as: UTF8.self)) \(bytes)")
                    // What was written from the walk is JSON again, and says the same.
                    let again = compact.withUnsafeBytes { parser.read($0) { Self.compacted($0) } }
                    #expect(again == .success(compact))
                case .failure(let problem):
                    #expect(!isValid, "\(problem): \(String(decoding: bytes, as: UTF8.self)) \(bytes)")
                }
            }
        }
        // Otherwise the walk would have been tested on nothing.
        #expect(accepted > 300)
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let byte = interesting.randomElement(using: &random) ?? 0
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes.insert(byte, at: place)
        case 1 where place < bytes.count: bytes[place] = byte
        case 2 where place < bytes.count: bytes.remove(at: place)
        case 3 where place < bytes.count:
            let end = min(place + Int.random(in: 1...8, using: &random), bytes.count)
            bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 4: bytes.removeSubrange(place..<min(place + Int.random(in: 1...8, using: &random), bytes.count))
        default: bytes.append(byte)
        }
    }

    /// The value without insignificant space, written from the walk alone.
    private static func compacted(_ value: JSONValue) -> [UInt8] {
        var writer = JSONWriter()
        append(value, to: &writer)
        return writer.bytes
    }

    private static func append(_ value: JSONValue, to writer: inout JSONWriter) {
        switch value.type {
        case .null, .bool, .number: writer.value(value.text)
        case .string: writer.string(value.stringValue ?? "no string")
        case .array:
            writer.beginArray()
            for element in value.elements { append(element, to: &writer) }
            writer.endArray()
        case .object:
            writer.beginObject()
            for member in value.members {
                writer.name(member.nameString)
                append(member.value, to: &writer)
            }
            writer.endObject()
        }
    }
}
