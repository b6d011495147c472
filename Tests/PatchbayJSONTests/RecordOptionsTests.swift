import PatchbayAPI
import PatchbayJSON
import Testing

@Suite("Options of records")
struct RecordOptionsTests {
    @Test(
        "An unknown field is refused with a hint",
        arguments: [
            ("TokenX", "did you mean `Token`?"), ("token", "did you mean `Token`?"), ("tx_hash", "did you mean `TxHash`?"),
            ("TxHahs", "did you mean `TxHash`?"), ("zzzzzz", "known are `Token`, `TxHash`, `Windows`, `Single`"),
            (String(repeating: "x", count: 5_000), "known are `Token`, `TxHash`, `Windows`, `Single`"),
        ])
    func hints(_ name: String, _ hint: String) {
        let error = #expect(throws: OptionError.self) {
            try RecordOptions.editor(OptionValues(["fields": .list([.string(name)])]), shape: ShapeTests.outer)
        }
        #expect(error?.option == "fields")
        #expect(error?.hint == hint)
    }

    @Test("Empty lists and unknown namings are refused")
    func refuses() {
        #expect(throws: OptionError.self) {
            try RecordOptions.editor(OptionValues(["fields": .list([])]), shape: ShapeTests.outer)
        }
        #expect(throws: OptionError.self) { try RecordOptions.addresses(OptionValues(["tokens": .list([])])) }
        #expect(throws: OptionError.self) { try RecordOptions.addresses(OptionValues(["tokens": .list([.string("")])])) }
        let error = #expect(throws: OptionError.self) {
            try RecordOptions.editor(OptionValues(["naming": .string("snake")]), shape: ShapeTests.outer)
        }
        #expect(error?.option == "naming")
    }

    @Test("Without options nothing is edited")
    func defaults() throws {
        let editor = try RecordOptions.editor(OptionValues(defaultsOf: [RecordOptions.naming]), shape: ShapeTests.outer)
        #expect(!editor.hasEffect)
        let addresses = try RecordOptions.addresses(OptionValues([:]))
        #expect(addresses == nil)
    }
}
