import PatchbayAPI
import PatchbayJSON

/// What people write in a filter that jq takes for something else, and what they meant.
enum FilterMistakes {
    private static let comparisons: Set<String> = ["==", "!=", "<", "<=", ">", ">="]

    /// Functions of jq that a filter may not use and that people look for, with what to do instead.
    private static let substitutes: [String: String] = {
        var hints: [String: String] = [:]
        for word in [
            "todate", "fromdate", "date", "fromdateiso8601", "todateiso8601", "dateadd", "datesub", "strptime", "strftime",
            "strflocaltime", "mktime", "gmtime", "localtime",
        ] {
            hints[word] = "times in one format can be compared as texts: `.time > \"2026-01-31\"`; `@timestamp` is the record's own, in milliseconds"
        }
        for word in ["match", "scan", "capture", "splits", "gsub", "sub", "ascii"] {
            hints[word] = "`test(\"…\")` says whether a regular expression matches"
        }
        for word in ["def", "repeat", "while", "until", "range", "walk", "input", "inputs", "input_line_number", "debug", "stderr"] {
            hints[word] = "a filter is one expression that surely ends; `any(…)` and `all(…)` go over lists"
        }
        for word in ["del", "delpaths", "setpath", "path", "paths", "leaf_paths", "tostream", "fromstream", "to_number"] {
            hints[word] = "a filter changes nothing; use `pick` or `rename` to change records"
        }
        return hints
    }()

    /// One short sentence: what to use instead, the nearest name, or where the names are.
    static func hint(for word: String) -> String {
        if let substitute = substitutes[word] { return substitute }
        if let near = Suggestion.nearest(to: word, among: FilterLanguage.functions) { return "did you mean `\(near)`?" }
        return "a text needs quotes: `\"\(word)\"`; docs/reference/transformers.md lists the functions"
    }

    /// A bare word beside a comparison is nearly always a text without its quotes. `error` is a function, and one that
    /// fails on every record.
    static func checkQuotes(around index: Int, in tokens: [JQTokens.Token]) throws(FilterLanguage.Objection) {
        guard case .word(let word) = tokens[index], isBare(index, tokens) else { return }
        let isRight = index > 0 && isComparison(tokens[index - 1])
        let isLeft = index + 1 < tokens.count && isComparison(tokens[index + 1]) && !follows(index, tokens)
        guard isRight || isLeft else { return }
        if FilterLanguage.keywords.contains(word) { return }
        if FilterLanguage.known.contains(word), word != "error", word != "empty" { return }
        // In front of a comparison, the name of a function with a slip in it is as likely.
        if !isRight, Suggestion.nearest(to: word, among: FilterLanguage.functions) != nil { return }
        let sign = tokens[isRight ? index - 1 : index + 1].sign
        throw FilterLanguage.Objection(
            reason: FilterLanguage.known.contains(word)
                ? "`\(word)` without quotes is a function, with which no record passes"
                : "`\(word)` is not a jq function; a field is written with a point, as `.name`, and a text in quotes",
            hint: isRight ? "write `\(sign) \"\(word)\"`" : "write `\"\(word)\" \(sign)`")
    }

    private static func isComparison(_ token: JQTokens.Token) -> Bool {
        if case .sign(let sign) = token { comparisons.contains(sign) } else { false }
    }

    /// Neither a call with arguments nor followed by more of a path.
    private static func isBare(_ index: Int, _ tokens: [JQTokens.Token]) -> Bool {
        guard index + 1 < tokens.count else { return true }
        switch tokens[index + 1] {
        case .sign("("), .sign("["), .sign("."), .field: return false
        default: return true
        }
    }

    /// Whether it is the end of something longer.
    private static func follows(_ index: Int, _ tokens: [JQTokens.Token]) -> Bool {
        guard index > 0 else { return false }
        switch tokens[index - 1] {
        case .sign("("), .sign("["), .sign(","), .sign("|"), .word("and"), .word("or"), .word("if"), .word("then"), .word("else"): return false
        default: return true
        }
    }
}

extension JQTokens.Token {
    fileprivate var sign: String { if case .sign(let sign) = self { sign } else { "" } }
}
