import PatchbayAPI
import PatchbayJSON

/// An option of a described transformer.
enum DescribedOption {
    private static let kinds = [
        "string", "bool", "integer", "number", "duration", "size", "choice", "list", "object", "dictionary", "scalar", "any",
    ]
    /// What any kind may say.
    private static let kindMembers = ["kind", "minimum", "maximum", "choices", "items", "fields"]
    /// Kinds inside one another.
    private static let deepest = 8

    static func read(_ value: JSONValue, at place: String, depth: Int = 0) throws(DescriptionProblem) -> Field {
        let members = try DescribedMembers(
            value, at: place,
            known: ["name", "documentation", "required", "default", "unit", "secret", "example"] + kindMembers)
        let name = try DescribedName.check(try members.requiredText("name", limit: 64), at: members.place(of: "name"))
        let kind = try kind(members, depth: depth)
        let isRequired = try members.flag("required")
        var fallback: ConfigValue?
        if let value = members["default"] {
            let place = members.place(of: "default")
            guard !isRequired else {
                throw DescriptionProblem(members.place, "is required and has a default; it can only be one of the two")
            }
            guard let fits = kind.taking(try DescribedValue.read(value, at: place)) else {
                throw DescriptionProblem(place, "is not what the kind and the limits of the option allow")
            }
            fallback = fits
        }
        return Field(
            name, kind, default: fallback, required: isRequired, unit: try members.text("unit", limit: 40),
            secret: try members.flag("secret"), documentation: try members.requiredText("documentation", limit: 2000),
            example: try members.text("example", limit: 400))
    }

    /// Names that differ.
    static func readAll(_ members: DescribedMembers, _ name: String, depth: Int = 0) throws(DescriptionProblem) -> [Field] {
        let fields = try members.list(name, most: 64) { (value, place) throws(DescriptionProblem) in
            try read(value, at: place, depth: depth)
        }
        for (index, field) in fields.enumerated() where fields[..<index].contains(where: { $0.name.hasSameBytes(as: field.name) }) {
            throw DescriptionProblem(members.place(of: name), "has two options called `\(field.name)`")
        }
        return fields
    }

    private static func kind(_ members: DescribedMembers, depth: Int) throws(DescriptionProblem) -> FieldKind {
        guard depth < deepest else { throw DescriptionProblem(members.place, "is nested more than \(deepest) levels deep") }
        let word = try members.requiredText("kind", limit: 64)
        let place = members.place(of: "kind")
        let used: [String]
        let kind: FieldKind
        switch word {
        case "string":
            used = ["minimum"]
            kind = .string(minimumLength: Int(try range(members, 0...Int64(Int32.max), lower: 1).lowerBound))
        case "bool": (used, kind) = ([], .bool)
        case "integer": (used, kind) = (["minimum", "maximum"], .integer(try range(members, Int64.min...Int64.max)))
        case "number": (used, kind) = (["minimum", "maximum"], .number(try numbers(members)))
        case "duration": (used, kind) = (["minimum", "maximum"], .duration(milliseconds: try range(members, 0...Int64.max)))
        case "size": (used, kind) = (["minimum", "maximum"], .size(bytes: try range(members, 0...Int64.max)))
        case "choice":
            used = ["choices"]
            let words = try members.list("choices", most: 100) { (value, place) throws(DescriptionProblem) in
                try DescribedMembers.text(value, at: place, limit: 100)
            }
            guard !words.isEmpty else { throw DescriptionProblem(members.place, "lacks `choices`") }
            kind = .choice(words)
        case "list":
            used = ["items", "minimum"]
            kind = .list(try inner(members, depth: depth), minimumCount: Int(try range(members, 0...10_000).lowerBound))
        case "dictionary": (used, kind) = (["items"], .dictionary(try inner(members, depth: depth)))
        case "object":
            used = ["fields"]
            kind = .object(try readAll(members, "fields", depth: depth + 1))
        case "scalar": (used, kind) = ([], .scalar)
        case "any": (used, kind) = ([], .any)
        default:
            throw DescriptionProblem(
                place, "is none that there is",
                hint: Suggestion.nearest(to: word, among: kinds).map { "did you mean `\($0)`?" }
                    ?? "the kinds are \(kinds.map { "`\($0)`" }.joined(separator: ", "))")
        }
        if let stray = kindMembers.first(where: { $0 != "kind" && members[$0] != nil && !used.contains($0) }) {
            throw DescriptionProblem(members.place(of: stray), "means nothing for the kind `\(word)`")
        }
        return kind
    }

    /// The kind of a list's items or of a dictionary's values: an object with the same members as an option, but for a name.
    private static func inner(_ members: DescribedMembers, depth: Int) throws(DescriptionProblem) -> FieldKind {
        let items = try DescribedMembers(try members.required("items"), at: members.place(of: "items"), known: kindMembers)
        return try kind(items, depth: depth + 1)
    }

    private static func range(
        _ members: DescribedMembers, _ widest: ClosedRange<Int64>, lower: Int64? = nil
    ) throws(DescriptionProblem) -> ClosedRange<Int64> {
        let (from, to) = (try members.integer("minimum") ?? lower ?? widest.lowerBound, try members.integer("maximum") ?? widest.upperBound)
        guard from <= to, widest.contains(from), widest.contains(to) else {
            throw DescriptionProblem(members.place, "has limits that nothing is between, or that the kind doesn't have")
        }
        return from...to
    }

    private static func numbers(_ members: DescribedMembers) throws(DescriptionProblem) -> ClosedRange<Double> {
        let most = Double.greatestFiniteMagnitude
        let (from, to) = (try members.number("minimum") ?? -most, try members.number("maximum") ?? most)
        guard from <= to else { throw DescriptionProblem(members.place, "has limits that nothing is between") }
        return from...to
    }
}

/// Values of a description: defaults, and options of examples.
enum DescribedValue {
    /// Recursion is bounded by the parser's depth.
    static func read(_ value: JSONValue, at place: String) throws(DescriptionProblem) -> ConfigValue {
        switch value.type {
        case .null: return .null
        case .bool: return .bool(value.bool ?? false)
        case .string:
            guard !value.hasLoneSurrogate, let text = value.stringValue else {
                throw DescriptionProblem(place, "has half a surrogate pair, which is no text")
            }
            return .string(text)
        case .number:
            if let number = value.integer { return .integer(number) }
            let isWhole = !value.text.contains { ".eE".utf8.contains($0) }
            guard !isWhole, let number = value.double else { throw DescriptionProblem(place, "has a number beyond 64 bits") }
            return .number(number)
        case .array:
            var items: [ConfigValue] = []
            for element in value.elements { items.append(try read(element, at: "\(place)[\(items.count)]")) }
            return .list(items)
        case .object:
            var entries: [ByteString: ConfigValue] = [:]
            for member in value.members {
                let name = ByteString(member.nameString)
                guard entries[name] == nil else { throw DescriptionProblem(place, "has a member twice") }
                entries[name] = try read(member.value, at: "\(place).\(PluginText.bounded(member.name, limit: 40))")
            }
            return .map(entries)
        }
    }
}

extension FieldKind {
    /// The value as a checked option of this kind holds it; `nil` when it isn't one.
    func taking(_ value: ConfigValue) -> ConfigValue? {
        func limited(_ isRight: Bool) -> ConfigValue? { isRight ? value : nil }
        switch (self, value) {
        case (.string(let least), .string(let text)): return limited(text.unicodeScalars.count >= least)
        case (.bool, .bool), (.scalar, .string), (.any, _): return value
        case (.integer(let range), .integer(let number)), (.duration(let range), .integer(let number)),
            (.size(let range), .integer(let number)):
            return limited(range.contains(number))
        case (.number(let range), .number(let number)): return limited(range.contains(number))
        case (.number(let range), .integer(let number)): return range.contains(Double(number)) ? .number(Double(number)) : nil
        case (.choice(let words), .string(let word)): return limited(words.containsBytes(of: word))
        case (.list(let kind, let least), .list(let items)):
            let taken = items.compactMap { kind.taking($0) }
            return taken.count == items.count && items.count >= least ? .list(taken) : nil
        case (.dictionary(let kind), .map(let entries)):
            let taken = entries.compactMapValues { kind.taking($0) }
            return taken.count == entries.count ? .map(taken) : nil
        case (.object(let fields), .map(let entries)):
            var taken: [ByteString: ConfigValue] = [:]
            for (name, value) in entries {
                guard let field = fields.first(where: { $0.name.hasSameBytes(as: name.string) }), let fits = field.kind.taking(value) else {
                    return nil
                }
                taken[name] = fits
            }
            return .map(taken)
        default: return nil
        }
    }
}
