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
            hints[word] =
                "times in one format can be compared as text: `.time > \"2026-01-31\"`; `@timestamp` is the record's own, in milliseconds"
        }
        for word in ["match", "scan", "capture", "splits", "gsub", "sub", "ascii"] {
            hints[word] = "`test(\"…\")` says whether a regular expression matches"
        }
        for word in ["def", "repeat", "while", "until", "range", "walk", "input", "inputs", "input_line_number", "debug", "stderr"] {
            hints[word] = "a filter is one expression that is guaranteed to finish; `any(…)` and `all(…)` go over lists"
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
        return "text needs quotes: `\"\(word)\"`; docs/reference/transformers.md lists the functions"
    }

    /// A bare word beside a comparison is nearly always a text without its quotes. `error` is a function, and one that
    /// fails on every record.
    static func checkQuotes(around index: Int, in tokens: [JQTokens.Token]) throws(FilterLanguage.Objection) {
        guard case .word(let word) = tokens[index], isBare(index, tokens) else { return }
        let isRight = index > 0 && isComparison(tokens[index - 1])
        let isLeft = index + 1 < tokens.count && isComparison(tokens[index + 1]) && !follows(index, tokens)
        guard isRight || isLeft else { return }
        if FilterLanguage.keywords.contains(word) { return }
        if word == "type", let text = text(isRight ? index - 2 : index + 2, tokens), !jqTypes.contains(text) {
            throw FilterLanguage.Objection(
                reason:
                    "`type` without a dot is a jq function, whose results are \(jqTypes.sorted().map { "\"\($0)\"" }.joined(separator: ", "))",
                hint: "did you mean `.type`?")
        }
        if FilterLanguage.known.contains(word), word != "error", word != "empty" { return }
        // Beside a constant it is a field without its dot.
        let other = isRight ? index - 2 : index + 2
        let near = FilterLanguage.known.contains(word) ? nil : Suggestion.nearest(to: word, among: FilterLanguage.functions)
        // In front of a comparison, the name of a function with a slip in it is as likely; behind a `|` it is likelier than a field.
        if !isRight, near != nil, !isConstant(other, tokens) || index > 0 && tokens[index - 1] == .sign("|") { return }
        if isConstant(other, tokens) {
            throw FilterLanguage.Objection(
                reason: "`\(word)` without a dot is \(FilterLanguage.known.contains(word) ? "a jq function" : "not a jq function"); "
                    + "a field is written with one, as `.name`",
                hint: "did you mean `.\(word)`\(near.map { ", or the function `\($0)`" } ?? "")?")
        }
        let sign = tokens[isRight ? index - 1 : index + 1].sign
        throw FilterLanguage.Objection(
            reason: FilterLanguage.known.contains(word)
                ? "`\(word)` without quotes is a function, with which no record passes"
                : "`\(word)` is not a jq function; a field is written with a dot, as `.name`, and text in quotes",
            hint: isRight ? "write `\(sign) \"\(word)\"`" : "write `\"\(word)\" \(sign)`")
    }

    /// A comparison of two constants is the same for every record: it passes all or none, and is never what was meant.
    static func checkConstants(around index: Int, in tokens: [JQTokens.Token]) throws(FilterLanguage.Objection) {
        guard case .sign(let sign) = tokens[index], isComparison(tokens[index]), isConstant(index - 1, tokens),
            isConstant(index + 1, tokens),
            index < 2 || isEdge(tokens[index - 2]), index + 2 >= tokens.count || isEdge(tokens[index + 2])
        else { return }
        let (left, right) = (tokens[index - 1], tokens[index + 1])
        let field = [left, right].lazy.compactMap(\.asField).first ?? ".name"
        let meant = left.asField != nil || right.asField == nil ? "\(field) \(sign) \(right.shown)" : "\(left.shown) \(sign) \(field)"
        throw FilterLanguage.Objection(
            reason: "`\(left.shown) \(sign) \(right.shown)` compares two constants, so it is the same for every record",
            hint: left.asField == nil && right.asField == nil
                ? "compare a field, as `.name \(sign) \(right.shown)`" : "did you mean `\(meant)`?")
    }

    private static let jqTypes: Set<String> = ["null", "boolean", "number", "string", "array", "object"]

    private static func text(_ index: Int, _ tokens: [JQTokens.Token]) -> String? {
        guard tokens.indices.contains(index), case .text(let text, isWhole: true) = tokens[index] else { return nil }
        return text
    }

    private static func isConstant(_ index: Int, _ tokens: [JQTokens.Token]) -> Bool {
        guard tokens.indices.contains(index) else { return false }
        return switch tokens[index] {
        case .number, .text(_, isWhole: true), .word("true"), .word("false"), .word("null"): true
        default: false
        }
    }

    /// Whether an operand of a comparison may begin or end there.
    private static func isEdge(_ token: JQTokens.Token) -> Bool {
        switch token {
        case .sign("("), .sign(")"), .sign("["), .sign("]"), .sign("|"), .sign(","), .sign(";"), .word("and"), .word("or"), .word("if"),
            .word("elif"), .word("then"),
            .word("else"), .word("end"):
            true
        default: false
        }
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
        case .sign("("), .sign("["), .sign(","), .sign("|"), .word("and"), .word("or"), .word("if"), .word("then"), .word("else"):
            return false
        default: return true
        }
    }
}

extension JQTokens.Token {
    /// As it was written, cut where it is long.
    fileprivate var shown: String {
        switch self {
        case .text(let text, _): "\"\(text.unicodeScalars.count > 30 ? String(text.unicodeScalars.prefix(30)) + "…" : text)\""
        case .number(let text), .word(let text): text
        case .field, .sign: ""
        }
    }

    /// The field that a text may have been meant for.
    fileprivate var asField: String? {
        guard case .text(let text, isWhole: true) = self, text.utf8.count <= 60, let first = text.utf8.first,
            !(0x30...0x39).contains(first),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F })
        else { return nil }
        return "." + text
    }

    fileprivate var sign: String { if case .sign(let sign) = self { sign } else { "" } }
}
