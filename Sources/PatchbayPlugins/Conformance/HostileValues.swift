/// Values of records as no well-meaning producer makes them.
enum HostileValues {
    struct Value: Sendable {
        let title: String
        /// `nil` for none.
        let bytes: [UInt8]?
    }

    static let all: [Value] = {
        func text(_ title: String, _ text: String) -> Value { Value(title: title, bytes: Array(text.utf8)) }
        func nested(_ levels: Int) -> String { String(repeating: "[", count: levels) + String(repeating: "]", count: levels) }
        return [
            text("an empty value", ""), text("white space", " \n\t"), text("an empty object", "{}"), text("a lone number", "1"),
            text("a list", "[1,2]"), text("a number of 400 digits", #"{"a":\#(String(repeating: "9", count: 400))}"#),
            text("a number beyond all doubles", #"{"a":1e999999}"#), text("a name that occurs twice", #"{"a":1,"a":"2"}"#),
            text("a name written with escapes", #"{"\u0061\"\\":1}"#), text("half a surrogate pair", #"{"a":"\ud83d"}"#),
            text("the other half", #"{"\udc00":"\udc00\ud83d"}"#), text("an escape that is cut off", #"{"a":"\u00"#),
            text("a text that is cut off", #"{"a":"b"#), text("an object that is cut off", #"{"a":"#),
            text("a comma too many", #"{"a":1,}"#),
            text("two values", "{} {}"), text("60 levels", nested(60)), text("10,000 levels", nested(10_000)),
            text("100,000 levels that never end", String(repeating: #"{"a":"#, count: 100_000)),
            text("a text of 4 MiB", #"{"a":"\#(String(repeating: "x", count: 4 << 20))"}"#),
            text("10,000 members", "{" + (0..<10_000).map { "\"m\($0)\":\($0)" }.joined(separator: ",") + "}"),
            Value(title: "bytes that are no UTF-8", bytes: [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x22, 0xC3, 0x22, 0x7D]),
            Value(title: "a character that is cut off", bytes: [0x22, 0xF0, 0x9F]),
            Value(title: "zeros", bytes: [0, 0, 0, 0]), Value(title: "all bytes", bytes: Array(0...255)),
            Value(title: "a framed record", bytes: [0, 0, 0, 0, 7, 0x7B, 0x7D]),
        ]
    }()
}
