import PatchbayAPI
import PatchbayJSON

/// Reads the JSON that `patchbay_describe` returns. Strict: what isn't understood is a mistake.
enum DescriptionReader {
    /// Deep enough for options inside options.
    static let limits = JSONLimits(maximumBytes: PluginDescription.longest, maximumDepth: 64)

    static func read(_ json: [UInt8]) throws(DescriptionProblem) -> PluginDescription {
        var parser = JSONParser(limits: limits)
        let result = json.withUnsafeBytes { text in
            parser.read(text) { root in
                Result { () throws(DescriptionProblem) in try description(root) }
            }
        }
        switch result {
        case .success(let description): return try description.get()
        case .failure(let problem): throw DescriptionProblem("", "is not JSON: \(problem.explanation)")
        }
    }

    private static func description(_ root: JSONValue) throws(DescriptionProblem) -> PluginDescription {
        let members = try DescribedMembers(root, at: "", known: ["version", "transformers"])
        let transformers = try members.list("transformers", most: 64) { (value, place) throws(DescriptionProblem) in
            try transformer(value, at: place)
        }
        guard !transformers.isEmpty else { throw DescriptionProblem("", "has no `transformers`") }
        for (index, one) in transformers.enumerated() where transformers[..<index].contains(where: { $0.name.hasSameBytes(as: one.name) }) {
            throw DescriptionProblem("transformers", "has two called `\(one.name)`")
        }
        return PluginDescription(version: try members.text("version", limit: 40), transformers: transformers)
    }

    private static func transformer(_ value: JSONValue, at place: String) throws(DescriptionProblem) -> PluginDescription.Transformer {
        let members = try DescribedMembers(
            value, at: place,
            known: ["name", "summary", "type", "options", "shorthand", "examples", "output", "wants", "tick_ms", "remembers"])
        let name = try DescribedName.check(try members.requiredText("name", limit: 64), at: members.place(of: "name"))
        var transformer = PluginDescription.Transformer(name: name, summary: try members.requiredText("summary", limit: 500))
        transformer.type = try type(members)
        transformer.options = try DescribedOption.readAll(members, "options")
        transformer.shorthand = try members.text("shorthand", limit: 64)
        if let shorthand = transformer.shorthand, !transformer.options.contains(where: { $0.name.hasSameBytes(as: shorthand) }) {
            throw DescriptionProblem(members.place(of: "shorthand"), "names no option")
        }
        transformer.examples = try members.list("examples", most: 64) { (value, place) throws(DescriptionProblem) in
            try example(value, at: place)
        }
        transformer.output = try output(members)
        for word in try members.list("wants", most: 8, Self.wish) {
            switch word {
            case .headers: transformer.wantsHeaders = true
            case .tombstones: transformer.wantsTombstones = true
            }
        }
        transformer.tick = try members.integer("tick_ms")
        if let tick = transformer.tick, !(10...86_400_000).contains(tick) {
            throw DescriptionProblem(members.place(of: "tick_ms"), "must be between 10 and 86400000")
        }
        // What it emits when time has passed, it has kept since then.
        let remembers = try members.flag("remembers")
        transformer.remembers = remembers || transformer.tick != nil
        return transformer
    }

    private enum Wish: String { case headers, tombstones }

    private static func wish(_ value: JSONValue, at place: String) throws(DescriptionProblem) -> Wish {
        let word = try DescribedMembers.text(value, at: place, limit: 64)
        guard let wish = Wish(rawValue: word) else {
            throw DescriptionProblem(place, "is nothing that can be wanted", hint: "`headers` and `tombstones` can be")
        }
        return wish
    }

    private static func type(_ members: DescribedMembers) throws(DescriptionProblem) -> String? {
        guard let type = try members.text("type", limit: 64) else { return nil }
        let isRight = type.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isRight else { throw DescriptionProblem(members.place(of: "type"), "may have letters, digits, `_`, `-` and `.`") }
        return type
    }

    private static func output(_ members: DescribedMembers) throws(DescriptionProblem) -> OutputSchema {
        guard let value = members["output"] else { return .any }
        if value.isString("unchanged") { return .unchanged }
        guard value.type == .object else {
            throw DescriptionProblem(members.place(of: "output"), "must be a JSON Schema, or \"unchanged\"")
        }
        return .schema(String(decoding: value.text, as: UTF8.self))
    }

    private static func example(_ value: JSONValue, at place: String) throws(DescriptionProblem) -> TransformerExample {
        let members = try DescribedMembers(value, at: place, known: ["title", "options", "input", "data", "rejected", "filtered"])
        var options: [String: ConfigValue] = [:]
        if let value = members["options"] {
            guard case .map(let entries) = try DescribedValue.read(value, at: members.place(of: "options")) else {
                throw DescriptionProblem(members.place(of: "options"), "must be an object")
            }
            for (name, value) in entries { options[name.string] = value }
        }
        var outcomes: [TransformerExample.Outcome] = []
        if let data = try members.text("data", limit: 64 << 10) { outcomes.append(.data(data)) }
        if let value = members["rejected"] {
            let rejected = try DescribedMembers(value, at: members.place(of: "rejected"), known: ["code", "field"])
            outcomes.append(.rejected(code: try rejected.requiredText("code", limit: 64), field: try rejected.text("field", limit: 200)))
        }
        if try members.flag("filtered") { outcomes.append(.filtered) }
        guard outcomes.count == 1, let outcome = outcomes.first else {
            throw DescriptionProblem(place, "must say what comes of it: one of `data`, `rejected` and `filtered: true`")
        }
        return TransformerExample(
            title: try members.requiredText("title", limit: 200), options: options,
            input: try members.requiredText("input", limit: 64 << 10), outcome: outcome)
    }
}
