import Testing

@testable import PatchbayRuntime

/// Which lines `tap` prints, and what it tells about those that it doesn't.
@Suite struct LineFilterTests {
    /// `tap --where '.SellBuy == "buy"'` waited for ever: a message's fields are below `.data`, and a field that isn't there is null.
    @Test func fieldsThatNoLineHasAreTold() throws {
        func told(_ condition: String, _ lines: [String], inner: String = "data") throws -> [String] {
            let filter = try LineFilter(condition: condition, text: nil, inner: inner)
            var told: [String] = []
            for line in lines { _ = filter.passes(line, tell: { told.append($0) }) }
            return told
        }
        let line = #"{"type":"note","channel":"c","data":{"a":1,"b":{"x":2}},"timestamp":"t"}"#
        let many = Array(repeating: line, count: 30)
        #expect(try told(".data.a == 2", many).isEmpty)
        #expect(
            try told(".typ == \"x\"", many) == [
                "--where asks for `.typ`, which none of the first 5 lines has; their fields are `.type`, `.channel`, `.data`, `.timestamp`"
            ])
        #expect(try told(".a == 1", Array(many.prefix(4))).isEmpty)
        #expect(
            try told(".data.b.y > 1", many) == [
                "--where asks for `.data.b.y`, which none of the first 20 lines has; `.data.b` has `.data.b.x`"
            ])
        #expect(try told(".data.c == null", Array(many.prefix(19)) + [line.replacing("\"a\"", with: "\"c\"")] + many).isEmpty)
        #expect(
            try told(".b.x == 1", many.map { $0.replacing("\"data\"", with: "\"value\"") }, inner: "value").first?.hasSuffix(
                "did you mean `.value.b.x`?") == true)
        #expect(try told(".data | .z == 1", many).isEmpty)
    }
}
