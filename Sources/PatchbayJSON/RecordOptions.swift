public import PatchbayAPI

/// The options that all transformers of shaped records have in common, declared and decoded in one place.
public enum RecordOptions {
    /// `naming`: how the known names are written.
    public static var naming: Field {
        Field(
            "naming", .choice(JSONNaming.allCases.map(\.rawValue)), default: .string(JSONNaming.asIs.rawValue),
            documentation: """
                How the names of the known fields are written: `as_is` leaves them as the producer wrote them, \
                `pascal_case` writes `TxHash`, `snake_case` writes `tx_hash`, in nested objects too. \
                Other fields keep their names.
                """,
            example: "naming: snake_case")
    }

    /// `fields`: which fields are passed on.
    public static func fields(of shape: JSONShape, example: String) -> Field {
        Field(
            "fields", .list(.string(), minimumCount: 1),
            documentation: """
                Passes on these fields only, in the order of the record; the record is still checked as a whole. \
                Named as documented: \(shape.documentedNames.map { "`\($0)`" }.joined(separator: ", ")). \
                Without it every field is passed on, including those that the transformer doesn't know.
                """,
            example: example)
    }

    /// `tokens`: which tokens are passed on.
    public static var tokens: Field {
        Field(
            "tokens", .list(.string(), minimumCount: 1),
            documentation: """
                Passes on records of these token addresses only. Addresses that begin with `0x` are compared without \
                regard to case, all others exactly.
                """,
            example: #"tokens: ["0x0000000000000000000000000000000000000001"]"#)
    }

    /// `lone_surrogates`: what becomes of records with half a surrogate pair.
    public static var loneSurrogates: Field {
        Field(
            "lone_surrogates", .choice(LoneSurrogates.allCases.map(\.rawValue)), default: .string(LoneSurrogates.pass.rawValue),
            documentation: """
                What happens to a record with an escape for half a surrogate pair, such as `"\\ud83d"`: JSON's grammar allows \
                it, but it represents no text, and some clients can't read it. `pass` accepts the record like any other, \
                with its bytes unchanged; `reject` refuses the record as `invalid_json` and says at which byte.
                """,
            example: "lone_surrogates: reject")
    }

    /// What `lone_surrogates` says.
    public static func loneSurrogates(_ options: OptionValues) -> LoneSurrogates {
        options.string("lone_surrogates").flatMap { LoneSurrogates(rawValue: $0) } ?? .pass
    }

    /// What `naming` and `fields` say.
    public static func editor(_ options: OptionValues, shape: JSONShape) throws(OptionError) -> RecordEditor {
        let naming = options.string("naming") ?? JSONNaming.asIs.rawValue
        guard let naming = JSONNaming(rawValue: naming) else {
            throw OptionError(
                option: "naming", message: "`\(naming)` is not a naming style",
                hint: Suggestion.sentence(for: naming, among: JSONNaming.allCases.map(\.rawValue)))
        }
        return RecordEditor(shape: shape, naming: naming, keeping: try keptFields(options, shape: shape))
    }

    /// What `tokens` says; `nil` for every token.
    public static func addresses(_ options: OptionValues) throws(OptionError) -> AddressSet? {
        guard let tokens = options.strings("tokens") else { return nil }
        if tokens.isEmpty {
            throw OptionError(
                option: "tokens", message: "`tokens` is empty, so no record would pass",
                hint: "name at least one address, or leave `tokens` out to pass them all")
        }
        if let address = tokens.first(where: { $0.isEmpty }) {
            throw OptionError(option: "tokens", message: "`tokens` has an empty address `\(address)`", hint: nil)
        }
        return AddressSet(tokens)
    }

    private static func keptFields(_ options: OptionValues, shape: JSONShape) throws(OptionError) -> [Int]? {
        guard let names = options.strings("fields") else { return nil }
        if names.isEmpty {
            throw OptionError(
                option: "fields", message: "`fields` is empty, so nothing would be left of a record",
                hint: "name at least one field, or leave `fields` out to pass them all")
        }
        var kept: [Int] = []
        for name in names {
            guard let index = shape.index(documented: name) else {
                throw OptionError(
                    option: "fields", message: "there is no field `\(name)`", hint: hint(for: name, shape: shape))
            }
            kept.append(index)
        }
        return kept
    }

    private static func hint(for name: String, shape: JSONShape) -> String {
        // The other spelling of a field is the likeliest slip, and may be too far away to be found by likeness.
        if let field = shape.fields.first(where: { $0.pascalName.hasSameBytes(as: name) || $0.snakeName.hasSameBytes(as: name) }) {
            return "did you mean `\(shape.documentedName(field))`?"
        }
        return Suggestion.sentence(for: name, among: shape.documentedNames)
    }
}

extension AddressSet {
    /// Why `tokens` leaves out the record with this token; `nil` when it leaves it in.
    public func objection(to token: JSONValue?) -> FilterReason? {
        if let address = token?.string, contains(address) { return nil }
        return FilterReason(option: "tokens", explanation: "the token of this record is", value: token?.text)
    }
}
