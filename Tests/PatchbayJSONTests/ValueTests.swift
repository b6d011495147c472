import PatchbayAPI
import PatchbayJSON
import Testing

@Suite("Values: looking up and walking")
struct ValueTests {
    @Test("Members come in order, duplicates and unknown ones included")
    func walksMembers() throws {
        let names = try read(#"{"type":"subscribe","id":1,"x":{"y":[1]},"id":2}"#) { $0.members.map(\.nameString) }
        #expect(names == ["type", "id", "x", "id"])
    }

    @Test("The text of a value is what was written")
    func keepsText() throws {
        let texts = try read(" {\"a\" : \"\\u0041\\n\" ,\"b\": [ 1 , {} ]  , \"c\":1.50e+2 ,\"d\":{ \"e\":null } ,\"f\" :true } ") {
            $0.members.map { "\($0.nameText.copied)=\($0.value.text.copied)" }
        }
        #expect(texts == ["a=\"\\u0041\\n\"", "b=[ 1 , {} ]", "c=1.50e+2", "d={ \"e\":null }", "f=true"])
    }

    @Test("Strings and names come without escapes")
    func unescapes() throws {
        let found = try read(#"{"\u0061\"":"\ud83d\ude80\u0000\/"}"#) { $0.members.map { ($0.nameString, $0.value.stringValue) } }
        #expect(found.count == 1)
        #expect(found.first?.0 == "a\"")
        #expect(found.first?.1 == "🚀\u{0}/")
    }

    @Test("A name is found with and without escapes; the last of several counts")
    func looksUp() throws {
        try read(#"{"id":1,"\u0069d":"two","other":3}"#) { root in
            #expect(root["id"]?.stringValue == "two")
            #expect(root["other"]?.integer == 3)
            #expect(root["othe"] == nil)
            #expect(root["others"] == nil)
            #expect(root["other"]?["x"] == nil)
        }
    }

    @Test(
        "A path leads to a value, or nowhere",
        arguments: [
            ("a", "1"), (#"["b.c"]"#, "2"), ("b.c", "[3,[4,5]]"), ("b.c[1][0]", "4"), ("b.c[2]", nil), ("a.x", nil), ("a[0]", nil),
            ("b[0]", nil),
            ("twice", "{}"), ("twice.x", nil), (#"["é"]"#, "6"), ("[0]", nil), ("b.c.d", nil),
        ] as [(String, String?)])
    func paths(_ path: String, _ value: String?) throws {
        let text = #"{"a":1,"b.c":2,"b":{"c":[3,[4,5]]},"twice":{"x":1},"twice":{},"\u00e9":6}"#
        let path = try FieldPath(path)
        #expect(try read(text) { $0.value(at: path)?.text.copied } == value)
        #expect(try read("[7,8]") { $0.value(at: path)?.text.copied } == (path.text == "[0]" ? "7" : nil))
    }

    @Test("A value and a member know where they stand")
    func ranges() throws {
        let text = #" { "a" : [ 1 ] , "b":"x" } "#
        let bytes = Array(text.utf8)
        try read(text) { root in
            #expect(String(decoding: bytes[root.range], as: UTF8.self) == #"{ "a" : [ 1 ] , "b":"x" }"#)
            #expect(root.members.map { String(decoding: bytes[$0.range], as: UTF8.self) } == [#""a" : [ 1 ]"#, #""b":"x""#])
        }
    }

    @Test("Each type answers for itself only")
    func types() throws {
        let types = try read(#"[null,true,false,1,"s",[],{}]"#) { root in root.elements.map(\.type) }
        #expect(types == [.null, .bool, .bool, .number, .string, .array, .object])
        try read(#"["true",1,false]"#) { root in
            let elements = Array(root.elements)
            #expect(elements.map(\.bool) == [nil, nil, false])
            #expect(elements.map(\.integer) == [nil, 1, nil])
            #expect(elements.map(\.stringValue) == ["true", nil, nil])
            #expect(Array(root.members).isEmpty)
        }
    }

    @Test("Elements nest, and empty containers are empty")
    func walksElements() throws {
        let shape = try read("[[],[[]],{},[1,[2,3],4],5]") { root in
            root.elements.map { element in element.elements.map { $0.text.copied } }
        }
        #expect(shape == [[], ["[]"], [], ["1", "[2,3]", "4"], []])
    }

    @Test(
        "Integers that fit are read exactly",
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1.0", nil), ("1e2", nil),
            ("123456789012345678901234567890", nil),
        ] as [(String, Int64?)])
    func integers(_ text: String, _ value: Int64?) throws {
        #expect(try read("[\(text)]") { root in root.elements.map(\.integer) } == [value])
        #expect(try read(text) { $0.integer } == value)
    }

    @Test(
        "Doubles are the nearest ones; beyond their range there are none",
        arguments: [
            ("0.1", 0.1), ("-2.5e-3", -0.0025), ("18446744073709551615", 18_446_744_073_709_551_616), ("-7", -7),
            ("1e999", nil), ("-1e999", nil), ("123456789012345678901234567890", 1.2345678901234568e29), ("1e-999", 0),
        ] as [(String, Double?)])
    func doubles(_ text: String, _ value: Double?) throws {
        #expect(try read("[\(text)]") { root in root.elements.map(\.double) } == [value])
    }

    @Test("A huge number keeps its text and doesn't disturb its neighbours")
    func keepsHugeNumbers() throws {
        let text = #"{"wei": 123456789012345678901234567890.5 ,"x":1e9999,"n":42 , "f":0.5,"s":"1e9999","e":-0}"#
        let found = try read(text) { $0.members.map { $0.value.text.copied } }
        #expect(found == ["123456789012345678901234567890.5", "1e9999", "42", "0.5", "\"1e9999\"", "-0"])
        #expect(try read(text) { $0["f"]?.double } == 0.5)
        #expect(try read(text) { $0["n"]?.integer } == 42)
    }

    @Test("A malformed number is refused also next to a huge one", arguments: ["01", "1.", "-", "1e", ".1", "1x", "0x1"])
    func refusesMalformedNextToHuge(_ number: String) {
        #expect(problem("[1e9999,\(number)]")?.code == .invalidJSON)
        #expect(problem("[\(number),1e9999]")?.code == .invalidJSON)
    }

    @Test("A large document is indexed whole")
    func walksLargeDocuments() throws {
        let text = "[" + (0..<50_000).map { #"{"i":\#($0)}"# }.joined(separator: ",") + "]"
        let sum = try read(text) { root in root.elements.reduce(0) { $0 + ($1["i"]?.integer ?? 0) } }
        #expect(sum == (0..<50_000).reduce(0, +))
    }
}
