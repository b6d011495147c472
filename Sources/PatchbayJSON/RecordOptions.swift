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

    /// `required`: which fields must be there.
    public static func required(of shape: JSONShape, example: String) -> Field {
        Field(
            "required", .list(.string(), minimumCount: 1),
            documentation: """
                Fields that must be there, beside those that always must: a record without one of them, or with null in it, is rejected as \
                `missing_field` or `wrong_type`. \(always(of: shape))
                """,
            example: example)
    }

    /// `optional`: which fields may be missing.
    public static func optional(of shape: JSONShape, example: String) -> Field {
        Field(
            "optional", .list(.string(), minimumCount: 1),
            documentation: """
                Fields that may be missing, or be null, although they must be there otherwise. What is there is still checked. Named as \
                documented\(innerExample(of: shape)).
                """,
            example: example)
    }

    /// `numbers`: which exact amounts get a number beside them.
    public static func numbers(of shape: JSONShape, example: String) -> Field {
        let names = places(of: shape).filter(\.field.isDecimal).map { "`\($0.name)`" }
        return Field(
            "numbers", .list(.string(), minimumCount: 1),
            documentation: """
                Adds a number behind each of these amounts, for clients that draw or add up: `PriceUsdNumber` behind `PriceUsd`, \
                `price_usd_number` behind `price_usd`. The text stays as it is and is what counts; the number has the same digits, of which \
                readers such as JavaScript keep about sixteen. A record that has a field of that name already is rejected as \
                `duplicate_field`. Possible are \(names.joined(separator: ", ")); with `fields`, those that are in it.
                """,
            example: example)
    }

    private static func always(of shape: JSONShape) -> String {
        let names = places(of: shape).filter { !$0.field.isRequired }.map { "`\($0.name)`" }
        return names.isEmpty ? "All known fields must be there without it." : "May be missing without it: \(names.joined(separator: ", "))."
    }

    private static func innerExample(of shape: JSONShape) -> String {
        places(of: shape).first { $0.inner != nil }.map { ", those of inner objects as `\($0.name)`" } ?? ""
    }

    /// What `lone_surrogates` says.
    public static func loneSurrogates(_ options: OptionValues) -> LoneSurrogates {
        options.string("lone_surrogates").flatMap { LoneSurrogates(rawValue: $0) } ?? .pass
    }

    /// What `naming`, `fields` and `numbers` say.
    ///
    /// - Parameters:
    ///   - shape: with `required` and `optional` applied.
    ///   - product: a field that is added.
    public static func editor(
        _ options: OptionValues, shape: JSONShape, product: ProductField? = nil
    ) throws(OptionError) -> RecordEditor {
        let naming = options.string("naming") ?? JSONNaming.asIs.rawValue
        guard let naming = JSONNaming(rawValue: naming) else {
            throw OptionError(
                option: "naming", message: "`\(naming)` is not a naming style",
                hint: Suggestion.sentence(for: naming, among: JSONNaming.allCases.map(\.rawValue)))
        }
        let (numbers, hasProductNumber) = try numberFields(options, shape: shape, product: product)
        let kept = try keptFields(options, shape: shape)
        if let index = kept.flatMap(numbers.firstOutside) {
            let name = shape.documentedName(shape.fields[index])
            throw OptionError(
                option: "numbers", message: "`fields` leaves `\(name)` out, so no number can stand beside it",
                hint: "name `\(name)` in `fields`, too")
        }
        return RecordEditor(
            shape: shape, naming: naming, keeping: kept, numbers: numbers, product: product, hasProductNumber: hasProductNumber)
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

    /// A shape as `required` and `optional` change it.
    public static func shape(_ options: OptionValues, of shape: JSONShape) throws(OptionError) -> JSONShape {
        let (required, optional) = (options.strings("required") ?? [], options.strings("optional") ?? [])
        guard !required.isEmpty || !optional.isEmpty else { return shape }
        if let both = optional.first(where: { name in required.contains { $0.hasSameBytes(as: name) } }) {
            throw OptionError(
                option: "optional", message: "`\(both)` is in `required` and in `optional`", hint: "leave it in one of them")
        }
        var fields = shape.fields
        var inner: [Int: [JSONField]] = [:]
        for (names, option, isRequired) in [(required, "required", true), (optional, "optional", false)] {
            for name in names {
                let place = try place(name, option, of: shape) { _ in true }
                guard let index = place.inner else {
                    fields[place.outer] = fields[place.outer].with(isRequired: isRequired)
                    continue
                }
                var nested = inner[place.outer] ?? shape.fields[place.outer].nested?.fields ?? []
                nested[index] = nested[index].with(isRequired: isRequired)
                inner[place.outer] = nested
            }
        }
        for (index, nested) in inner {
            let made = JSONShape(documented: shape.documentedSpelling, nested)
            if case .object = fields[index].kind {
                fields[index] = fields[index].with(kind: .object(made))
            } else {
                fields[index] = fields[index].with(kind: .objects(made))
            }
        }
        return JSONShape(documented: shape.documentedSpelling, fields)
    }

    /// What `numbers` says.
    static func numberFields(
        _ options: OptionValues, shape: JSONShape, product: ProductField?
    ) throws(OptionError) -> (fields: NumberFields, ofProduct: Bool) {
        var numbers = NumberFields(shape)
        var ofProduct = false
        for name in options.strings("numbers") ?? [] {
            if let product, shape.documentedName(product.field).hasSameBytes(as: name) {
                ofProduct = true
                continue
            }
            let place = try place(name, "numbers", of: shape, isPossible: \.isDecimal)
            if let inner = place.inner {
                numbers.inner[place.outer] |= 1 << UInt64(inner)
            } else {
                numbers.outer |= 1 << UInt64(place.outer)
            }
        }
        return (numbers, ofProduct)
    }

    /// A field by the name that options know it by.
    private struct Place {
        var name: String
        var outer: Int
        /// In the objects of the field `outer`.
        var inner: Int?
        var field: JSONField
    }

    private static func places(of shape: JSONShape) -> [Place] {
        shape.fields.enumerated().flatMap { index, field in
            let name = shape.documentedName(field)
            let inner = field.nested.map { nested in
                nested.fields.enumerated().map {
                    Place(name: "\(name).\(nested.documentedName($1))", outer: index, inner: $0, field: $1)
                }
            }
            return [Place(name: name, outer: index, inner: nil, field: field)] + (inner ?? [])
        }
    }

    private static func place(
        _ name: String, _ option: String, of shape: JSONShape, isPossible: (JSONField) -> Bool
    ) throws(OptionError) -> Place {
        let places = places(of: shape)
        if let place = places.first(where: { $0.name.hasSameBytes(as: name) }) {
            guard !isPossible(place.field) else { return place }
            let names = places.filter { isPossible($0.field) }.map { "`\($0.name)`" }
            throw OptionError(
                option: option, message: "`\(name)` is no exact amount",
                hint: names.isEmpty ? nil : "possible are \(names.joined(separator: ", "))")
        }
        // The other spelling of a field is the likeliest slip.
        let hint =
            places.first { $0.inner == nil && ($0.field.pascalName.hasSameBytes(as: name) || $0.field.snakeName.hasSameBytes(as: name)) }
            .map { "did you mean `\($0.name)`?" }
            ?? Suggestion.sentence(for: name, among: places.filter { isPossible($0.field) }.map(\.name))
        throw OptionError(option: option, message: "there is no field `\(name)`", hint: hint)
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
