/// What the kinds of fields can't say about the keys of one mapping. The loader checks it in code; this is for what is
/// generated: the schema and the reference.
struct KeyRules {
    /// Of each of these, a mapping has exactly one key.
    var exactlyOne: [[String]] = []
    /// Of each of these, a mapping has one key or several.
    var atLeastOne: [[String]] = []
    /// Keys that have no place beside another one's value.
    var misplaced: [Misplaced] = []

    struct Misplaced {
        let key: String
        let other: String
        let words: [String]
    }

    /// By the place of the mapping, as in `DeclaredMapping`.
    private static let all: [String: KeyRules] = [
        "": KeyRules(atLeastOne: [["routes", "include"]]),
        "routes[]": KeyRules(
            exactlyOne: [["topic", "topics"], ["channel", "channels"]],
            misplaced: [Misplaced(key: "dead_letter", other: "on_error", words: ["skip", "stop"])]),
        "routes[].tests[]": KeyRules(exactlyOne: [["expect", "error"]]),
    ]

    /// Where the transformers stand: a key of kind `any`, since only the registration list knows what they take.
    static let transformPlace = "routes[].transform"
    static let transformWords = "transformer, or a list of these"

    static func of(_ place: String) -> KeyRules { all[place] ?? KeyRules() }

    /// Keys of which one is needed, but no particular one.
    var alternatives: Set<String> { Set((exactlyOne + atLeastOne).joined()) }

    /// One sentence each, in Markdown.
    var sentences: [String] {
        func names(_ keys: [String], _ word: String) -> String { keys.map { "`\($0)`" }.joined(separator: " \(word) ") }
        return exactlyOne.map { "Exactly one of \(names($0, "and"))." }
            + atLeastOne.map { "At least one of \(names($0, "and"))." }
            + misplaced.map { "No `\($0.key)` where `\($0.other)` is \(names($0.words, "or"))." }
    }
}
