/// Topics that Kafka keeps for itself, such as `__consumer_offsets`.
///
/// A pattern takes them only when it begins with `^__`: one like `^.*` would read the group's own commits, and commit
/// that it did, for ever.
enum InternalTopics {
    static let prefix = "__"

    /// Regular expressions for librdkafka's `topic.blacklist`: every internal topic that the subscription doesn't name.
    /// `nil` when it can't take any, since nothing in it is a pattern.
    ///
    /// POSIX expressions can't say "but not", so what is left out is spelt as the ways to differ from what is wanted.
    static func blacklist(for subscription: [String]) -> String? {
        guard subscription.contains(where: { $0.hasPrefix("^") }) else { return nil }
        let prefixes = subscription.filter { $0.hasPrefix("^__") }.map { Array(literalPrefix($0.dropFirst())) }
        let names = subscription.filter { $0.hasPrefix(prefix) }.map { Array($0) }
        var parts: [String] = []
        var open = [Array(prefix)]
        while let stem = open.popLast() {
            // A wanted prefix takes everything below.
            if prefixes.contains(where: { stem.starts(with: $0) }) { continue }
            let longer = (prefixes + names).filter { $0.count > stem.count && $0.starts(with: stem) }
            let next = Set(longer.map { $0[stem.count] }).sorted()
            if !names.contains(stem) { parts.append("^\(escaped(stem))$") }
            parts.append("^\(escaped(stem))" + (next.isEmpty ? "." : "[^\(characterClass(next))]"))
            open += next.map { stem + [$0] }
        }
        return parts.isEmpty ? nil : parts.joined(separator: ",")
    }

    /// The characters that every match begins with.
    private static func literalPrefix(_ pattern: Substring) -> [Character] {
        var characters: [Character] = []
        for character in pattern {
            if character == "*" || character == "?" || character == "{" {
                // The one before may be missing.
                if characters.count > prefix.count { characters.removeLast() }
                break
            }
            guard isNameCharacter(character), character != "." else { break }
            characters.append(character)
        }
        // An alternative may begin with anything.
        return pattern.contains("|") ? Array(prefix) : characters
    }

    /// Of topic names (`[a-zA-Z0-9._-]`).
    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
    }

    private static func escaped(_ characters: [Character]) -> String {
        String(characters.flatMap { $0 == "." ? ["[", ".", "]"] : [$0] })
    }

    /// For the inside of brackets: a hyphen stands last.
    private static func characterClass(_ characters: [Character]) -> String {
        String(characters.filter { $0 != "-" } + (characters.contains("-") ? ["-"] : []))
    }
}
