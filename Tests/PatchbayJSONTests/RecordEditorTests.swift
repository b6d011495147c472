import PatchbayJSON
import Testing

@Suite("Editing: records with other names or fewer fields")
struct RecordEditorTests {
    static func edited(
        _ text: String, naming: JSONNaming = .asIs, keeping fields: [Int]? = nil,
        keepsElement: (Int, JSONValue) -> Bool = { _, _ in true }
    ) -> String? {
        let editor = RecordEditor(shape: ShapeTests.outer, naming: naming, keeping: fields)
        var bytes: [UInt8] = []
        var parser = JSONParser()
        let problem = Array(text.utf8).withUnsafeBytes {
            parser.check($0, against: ShapeTests.outer) { editor.append($0, to: &bytes, keepsElement: keepsElement) }
        }
        return problem == nil ? String(decoding: bytes, as: UTF8.self) : nil
    }

    static let text =
        #"{ "x" : [ 1.50 ],"tx_hash": "\u0061" , "Token":"t", "windows":[ {"sell_volume":"1.0","note": null,"y":{ }} ,{"SellVolume":"2"}] }"#

    @Test("Names change, values and order don't")
    func renames() {
        #expect(
            Self.edited(Self.text, naming: .pascalCase)
                == #"{"x":[ 1.50 ],"TxHash":"\u0061","Token":"t","Windows":[{"SellVolume":"1.0","Note":null,"y":{ }},{"SellVolume":"2"}]}"#)
        #expect(
            Self.edited(Self.text, naming: .snakeCase)
                == #"{"x":[ 1.50 ],"tx_hash":"\u0061","token":"t","windows":[{"sell_volume":"1.0","note":null,"y":{ }},{"sell_volume":"2"}]}"#
        )
        #expect(
            Self.edited(Self.text)
                == #"{"x":[ 1.50 ],"tx_hash":"\u0061","Token":"t","windows":[{"sell_volume":"1.0","note":null,"y":{ }},{"SellVolume":"2"}]}"#
        )
    }

    @Test("Only the fields asked for stay, in the order of the record")
    func reduces() {
        #expect(Self.edited(Self.text, keeping: [0, 1]) == #"{"tx_hash":"\u0061","Token":"t"}"#)
        #expect(Self.edited(Self.text, naming: .pascalCase, keeping: [0]) == #"{"Token":"t"}"#)
        #expect(Self.edited(Self.text, keeping: [3]) == "{}")
    }

    @Test("Elements can be left out")
    func dropsElements() {
        #expect(
            Self.edited(
                Self.text, keeping: [2],
                keepsElement: { field, element in
                    field == 2 && element.field(0)?.isString("2") == true
                }) == #"{"windows":[{"SellVolume":"2"}]}"#)
        #expect(Self.edited(Self.text, keeping: [2], keepsElement: { _, _ in false }) == #"{"windows":[]}"#)
    }

    @Test("A null where an array was optional stays null")
    func keepsNull() {
        #expect(
            Self.edited(#"{"Token":"t","TxHash":"h","windows":null}"#, naming: .pascalCase) == #"{"Token":"t","TxHash":"h","Windows":null}"#
        )
    }
}
