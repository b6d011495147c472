import PatchbayJSON
import TestSupport
import Testing

@Suite("Shapes: what a record must look like")
struct ShapeTests {
    static func verdict(_ value: String, _ kind: JSONKind) -> JSONProblem.Code? {
        problem(#"{"F":\#(value)}"#, against: JSONShape(documented: .pascal, [.required("F", "f", kind)]))?.code
    }

    @Test(
        "Decimals are digits with at most one point among them",
        arguments: [
            ("0", true), ("1", true), ("007", true), ("1000.000000", true), ("0.000000000000000001", true),
            ("12345678", true), ("1234567.8", true), ("123456789", true), ("12345678.9", true), ("1234567890123456.7", true),
            ("123456789012345678901234567890.123456789012345678901234567890", true),
            ("", false), (".", false), ("1.", false), (".5", false), ("1.2.3", false), ("1..2", false), ("12345678.1.2", false),
            ("1.2345678.9", false), ("1234567..9", false), ("+1", false), ("-1", false), ("-", false), ("1e5", false),
            ("1E5", false), ("1,000", false), (" 1", false), ("1 ", false), ("1 0", false), ("0x10", false), ("NaN", false),
            ("inf", false), ("١", false), ("1/2", false), ("1:2", false), ("12345678a", false), ("a2345678", false),
            ("123456789012345a", false), ("1\u{ff10}", false),
        ])
    func decimals(_ text: String, _ isValid: Bool) {
        #expect((Self.verdict("\"\(text)\"", .decimal) == nil) == isValid)
        #expect((Self.verdict("\"\(text)\"", .signedDecimal) == nil) == (isValid || text == "-1"))
    }

    @Test("Every byte that is neither digit nor point is refused in a decimal, wherever it stands")
    func decimalsByteByByte() {
        for length in 1...18 {
            for place in 0..<length {
                for byte in UInt8(0x20)...0x7E where byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
                    var digits = [UInt8](repeating: UInt8(ascii: "5"), count: length)
                    digits[place] = byte
                    let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
                    let isInnerPoint = byte == UInt8(ascii: ".") && place > 0 && place < length - 1
                    let text = String(decoding: digits, as: UTF8.self)
                    let accepted = Self.verdict("\"\(text)\"", .decimal) == nil
                    if accepted != (isDigit || isInnerPoint) { Issue.record("\(text): accepted is \(accepted)") }
                }
            }
        }
    }

    @Test("An escaped decimal counts as what it stands for")
    func escapedDecimals() {
        #expect(Self.verdict(#""1\u0030.5""#, .decimal) == nil)
        #expect(Self.verdict(#""1\u0020""#, .decimal) == .invalidValue)
    }

    @Test(
        "Timestamps name a time that exists",
        arguments: [
            ("2024-01-01T12:00:00Z", true), ("2024-02-29T23:59:59Z", true), ("2000-02-29T00:00:00Z", true),
            ("0000-01-01T00:00:00Z", true), ("9999-12-31T23:59:59.999999999Z", true), ("2024-01-01T12:00:00.1Z", true),
            ("2024-01-01T12:00:00+05:30", true), ("2024-01-01T12:00:00.5-23:59", true), ("2024-01-01T12:00:00-00:00", true),
            ("2023-02-29T00:00:00Z", false), ("1900-02-29T00:00:00Z", false), ("2024-02-30T00:00:00Z", false),
            ("2024-04-31T00:00:00Z", false), ("2024-13-01T00:00:00Z", false), ("2024-00-01T00:00:00Z", false),
            ("2024-01-00T00:00:00Z", false), ("2024-01-32T00:00:00Z", false), ("2024-01-01T24:00:00Z", false),
            ("2024-01-01T12:60:00Z", false), ("2024-01-01T12:00:60Z", false), ("2016-12-31T23:59:60Z", false),
            ("2024-01-01T12:00:00", false), ("2024-01-01T12:00Z", false), ("2024-01-01 12:00:00Z", false),
            ("2024-01-01t12:00:00z", false), ("2024-01-01T12:00:00.Z", false), ("2024-01-01T12:00:00,5Z", false),
            ("2024-01-01T12:00:00ZZ", false), ("2024-01-01T12:00:00Z ", false), (" 2024-01-01T12:00:00Z", false),
            ("2024-01-01T12:00:00+24:00", false), ("2024-01-01T12:00:00+05:60", false), ("2024-01-01T12:00:00+0530", false),
            ("2024-01-01T12:00:00+05", false), ("2024-01-01T12:00:00+05:30Z", false), ("2024-1-1T12:00:00Z", false),
            ("24-01-01T12:00:00Z", false), ("12024-01-01T12:00:00Z", false), ("+2024-01-01T12:00:00Z", false),
            ("2024/01/01T12:00:00Z", false), ("20240101T120000Z", false), ("2O24-01-01T12:00:00Z", false),
            ("2024-01-01T12:00:00.12a4Z", false), ("2024-01-01T12:00:00.", false), ("2024-01-01T12:00:00.5", false), ("", false),
            ("Z", false),
            ("1704110400", false), ("-024-01-01T12:00:00Z", false),
        ])
    func timestamps(_ text: String, _ isValid: Bool) {
        #expect(Self.verdict("\"\(text)\"", .timestamp) == (isValid ? nil : .invalidValue))
    }

    @Test("Every day of four hundred years is judged as the calendar has it")
    func calendar() {
        var parser = JSONParser()
        let shape = JSONShape(documented: .pascal, [.required("F", "f", .timestamp)])
        for year in 1896...2110 {
            for month in 1...12 {
                let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
                let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
                for day in [1, days, days + 1] {
                    let two = { (value: Int) in (value < 10 ? "0" : "") + String(value) }
                    let text = #"{"F":"\#(year)-\#(two(month))-\#(two(day))T00:00:00Z"}"#
                    let accepted = Array(text.utf8).withExactMemory { parser.check($0, against: shape) == nil }
                    if accepted != (day <= days) { Issue.record("\(text): accepted is \(accepted)") }
                }
            }
        }
    }

    @Test(
        "Each kind takes its own and refuses the rest",
        arguments: [
            (JSONKind.any, ["null", "1", "\"\"", "[]", "{}", "true"], [], []),
            (.string, ["\"\"", "\"x\""], ["1", "null", "[]", "{}", "true"], []),
            (.text, ["\"x\"", "\" \""], ["1", "null"], ["\"\""]),
            (.bool, ["true", "false"], ["\"true\"", "1", "null"], []),
            (.count, ["0", "15", "123456789012345678901234567890"], ["\"15\"", "null"], ["-1", "-0", "1.0", "1e2", "0.5"]),
            (.number, ["0", "-1.5", "1e999", "2.5"], ["\"2.5\"", "null", "true"], []),
            (
                .choice(["buy", "sell", "a longer word"]), ["\"buy\"", "\"sell\"", "\"a longer word\"", #""b\u0075y""#], ["1", "null"],
                ["\"BUY\"", "\"bu\"", "\"buy \"", "\"\"", "\"buy\\u0000\"", "\"a longer wore\""]
            ),
            (.decimal, ["\"1\""], ["1", "1.5", "null"], ["\"x\""]),
            (.timestamp, ["\"2024-01-01T12:00:00Z\""], ["1704110400", "null"], ["\"now\""]),
        ] as [(JSONKind, [String], [String], [String])])
    func kinds(_ kind: JSONKind, _ valid: [String], _ wrongType: [String], _ invalid: [String]) {
        for value in valid { #expect(Self.verdict(value, kind) == nil, "\(value)") }
        for value in wrongType { #expect(Self.verdict(value, kind) == .wrongType, "\(value)") }
        for value in invalid { #expect(Self.verdict(value, kind) == .invalidValue, "\(value)") }
    }

    static let inner = JSONShape(
        documented: .snake,
        [
            .required("SellVolume", "sell_volume", .decimal), .optional("Note", "note", .string),
        ])
    static let outer = JSONShape(
        documented: .pascal,
        [
            .required("Token", "token", .text), .required("TxHash", "tx_hash", .text),
            .optional("Windows", "windows", .objects(inner)), .optional("Single", "single", .object(inner)),
        ])

    @Test(
        "A fault is named by its path in documented spelling",
        arguments: [
            (#"{"tx_hash":"1"}"#, .missingField, "Token"),
            (#"{"token":"1"}"#, .missingField, "TxHash"),
            (#"{}"#, .missingField, "Token"),
            (#"{"token":1,"TxHash":2}"#, .wrongType, "Token"),
            (#"{"TxHash":2,"token":1}"#, .wrongType, "TxHash"),
            (#"{"token":"1","tx_hash":""}"#, .invalidValue, "TxHash"),
            (#"{"token":"1","Token":"1","tx_hash":"1"}"#, .duplicateField, "Token"),
            (#"{"token":"1","token":"1","tx_hash":"1"}"#, .duplicateField, "Token"),
            (#"{"token":"1","\u0054oken":"1","tx_hash":"1"}"#, .duplicateField, "Token"),
            (#"{"token":"1","tx_hash":"1","windows":{}}"#, .wrongType, "Windows"),
            (#"{"token":"1","tx_hash":"1","windows":[7]}"#, .wrongType, "Windows[0]"),
            (#"{"token":"1","tx_hash":"1","windows":[{"sell_volume":"1"},[]]}"#, .wrongType, "Windows[1]"),
            (#"{"token":"1","tx_hash":"1","windows":[{"sell_volume":"1"},{}]}"#, .missingField, "Windows[1].sell_volume"),
            (#"{"token":"1","tx_hash":"1","windows":[{"SellVolume":"x"}]}"#, .invalidValue, "Windows[0].sell_volume"),
            (#"{"token":"1","tx_hash":"1","windows":[{"SellVolume":"1","note":1}]}"#, .wrongType, "Windows[0].note"),
            (#"{"token":"1","tx_hash":"1","single":{"sell_volume":1}}"#, .wrongType, "Single.sell_volume"),
            (#"{"token":"1","tx_hash":"1","single":[]}"#, .wrongType, "Single"),
            (#"[{"token":"1","tx_hash":"1"}]"#, .notAnObject, nil),
            ("null", .notAnObject, nil), ("1", .notAnObject, nil), ("{", .invalidJSON, nil),
        ] as [(String, JSONProblem.Code, String?)])
    func paths(_ text: String, _ code: JSONProblem.Code, _ field: String?) {
        let problem = problem(text, against: Self.outer)
        #expect(problem?.code == code)
        #expect(problem?.field == field)
        if let field { #expect(problem?.explanation.contains("`\(field)`") == true) }
    }

    @Test(
        "Sound records pass in any order, spelling and company",
        arguments: [
            #"{"Token":"1","TxHash":"1"}"#, #"{"tx_hash":"1","token":"1"}"#, #"{"token":"1","TxHash":"1"}"#,
            #"{"x":1,"Token":"1","":2,"TxHash":"1","x":3,"TokenX":4,"TOKEN":5,"tokens":6}"#,
            #"{"\u0054oken":"1","tx\u005fhash":"1"}"#,
            #"{"Token":"1","TxHash":"1","windows":null,"single":null}"#,
            #"{"Token":"1","TxHash":"1","windows":[],"Single":{"SellVolume":"0","Note":null}}"#,
            #"{"Token":"1","TxHash":"1","Windows":[{"sell_volume":"1"},{"SellVolume":"2","extra":[{}]}]}"#,
        ])
    func sound(_ text: String) { #expect(problem(text, against: Self.outer) == nil) }

    @Test("A record may have far more members than the shape has fields")
    func manyMembers() {
        let many = (0..<300).map { #""m\#($0)":\#($0)"# }.joined(separator: ",")
        #expect(problem("{\(many),\"Token\":\"1\",\"TxHash\":\"1\"}", against: Self.outer) == nil)
        #expect(problem("{\(many),\"Token\":\"1\"}", against: Self.outer)?.field == "TxHash")
    }

    @Test("One parser checks records of different order and different shapes in turn")
    func predictionsAreOnlyGuesses() {
        var parser = JSONParser()
        let records: [(String, JSONShape, JSONProblem.Code?)] = [
            (#"{"Token":"1","TxHash":"1"}"#, Self.outer, nil), (#"{"TxHash":"1","Token":"1"}"#, Self.outer, nil),
            (#"{"sell_volume":"1"}"#, Self.inner, nil), (#"{"Token":"1"}"#, Self.inner, .missingField),
            (#"{"x":1,"tx_hash":"1","token":"1"}"#, Self.outer, nil), (#"{"Token":"","TxHash":"1"}"#, Self.outer, .invalidValue),
        ]
        var random = SeededGenerator(state: 7)
        for _ in 0..<500 {
            guard let (text, shape, code) = records.randomElement(using: &random) else { return }
            let found = Array(text.utf8).withExactMemory { parser.check($0, against: shape)?.code }
            #expect(found == code, "\(text)")
        }
    }

    @Test("Known members carry the index of their field")
    func marksFields() {
        let text = Array(#"{"x":1,"tx_hash":"1","Token":"2"}"#.utf8)
        var fields: [Int?] = []
        var token: String?
        var parser = JSONParser()
        let problem = text.withUnsafeBytes {
            parser.check($0, against: Self.outer) { root in
                fields = root.members.map(\.field)
                token = root.field(0)?.stringValue
            }
        }
        #expect(problem == nil)
        #expect(fields == [nil, 1, 0])
        #expect(token == "2")
    }

    @Test("Explanations say what was found and what would be right")
    func explains() {
        let shape = JSONShape(documented: .pascal, [.required("SellBuy", "sell_buy", .choice(["buy", "sell"]))])
        #expect(
            problem(#"{"SellBuy":"hold"}"#, against: shape)?.explanation
                == #"`SellBuy` is "hold"; it must be "buy" or "sell""#)
        #expect(
            problem("{}", against: shape)?.explanation
                == #"`SellBuy` (or `sell_buy`) is missing; it must be "buy" or "sell""#)
        #expect(problem("[]", against: shape)?.explanation == "the record is an array; it must be an object")
        let long = problem(#"{"SellBuy":"\#(String(repeating: "ü", count: 500))"}"#, against: shape)?.explanation ?? ""
        #expect(long.contains("(1002 bytes)"))
        #expect(!long.contains("\u{fffd}"))
        #expect(long.utf8.count < 200)
    }

    @Test("A shape of 64 fields works up to the last")
    func widestShape() {
        let shape = JSONShape(documented: .snake, (0..<64).map { .required("F\($0)", "f\($0)", .count) })
        let all = (0..<64).map { #""f\#($0)":1"# }
        #expect(problem("{\(all.joined(separator: ","))}", against: shape) == nil)
        #expect(problem("{\(all.dropLast().joined(separator: ","))}", against: shape)?.field == "f63")
    }
}
