import PatchbayAPI

/// What of jq's language the step `jq` may use: what a filter may, `del`, and assignments to fields that are named.
///
/// jq 1.6 takes as much memory as an index says (`.[.n] = 1`), copies a list for each element that is assigned to
/// (`.a[] |= f`: half a minute for 40,000), and leaves paths that other functions make unassigned without a word
/// (`limit(1; .a[]) = 1`). A path of names and small numbers does none of that.
enum JQLanguage {
    private typealias Objection = FilterLanguage.Objection

    /// The largest index that is assigned to.
    private static let mostIndex = 9_999

    static func check(_ text: JQTokens) throws(FilterLanguage.Objection) {
        let tokens = text.tokens
        for (index, token) in tokens.enumerated() {
            switch token {
            case .word(let word) where !text.keys.contains(index):
                if word == "del" {
                    try checkDeletion(after: index, in: tokens)
                } else {
                    try FilterLanguage.check(word, followedBy: tokens[(index + 1)...], by: "the step `jq`", hint: hint)
                }
            case .sign(let sign):
                try FilterLanguage.checkVariable(sign)
                if RecordProperty.signs.contains(sign) {
                    throw Objection(
                        reason: "`\(sign)` can't be used in a program of jq",
                        hint: "put it into a field in a step `set` in front of this one")
                }
                if FilterLanguage.assignments.contains(sign) { try checkTarget(before: index, sign, in: tokens) }
            case .number(let number):
                // A number without digits in front of its point or behind it is one of jq, and none of JSON.
                if number.utf8.count > 15, !JQNumber.isExact(number) {
                    throw Objection(reason: "jq can't hold the number \(number) exactly", hint: "write it as text, in quotes")
                }
            default: break
            }
        }
    }

    private static func hint(_ word: String) -> String {
        switch word {
        case "delpaths", "setpath", "path", "paths", "leaf_paths", "to_number", "walk":
            "assign to a field, as `.a.b = 1` or `.a |= tonumber`, or delete one: `del(.a.b)`"
        case "gsub", "sub", "match", "scan", "capture", "splits":
            "`test(\"…\")` says whether a regular expression matches, `split(\",\")` splits at literal text"
        case "def", "repeat", "while", "until", "range", "input", "inputs", "debug", "stderr", "limit":
            "a program is one expression that is guaranteed to finish; `map(…)`, `reduce` and `.[]` go over lists"
        case "todate", "fromdate", "date", "strptime", "strftime", "mktime", "gmtime", "now", "fromdateiso8601", "todateiso8601":
            "a step `convert` turns times from one format into another"
        case "env": "the file itself can name a variable: `${NAME}`"
        default:
            Suggestion.nearest(to: word, among: FilterLanguage.functions + ["del"]).map { "did you mean `\($0)`?" }
                ?? "text needs quotes: `\"\(word)\"`; docs/reference/transformers.md lists the functions"
        }
    }

    // MARK: Paths

    private static func checkDeletion(after index: Int, in tokens: [JQTokens.Token]) throws(FilterLanguage.Objection) {
        var place = index + 1
        if place < tokens.count, tokens[place] == .sign("(") {
            place += 1
            while let end = endOfPath(from: place, in: tokens, takesAll: true) {
                guard end < tokens.count, tokens[end] == .sign(",") else {
                    if end < tokens.count, tokens[end] == .sign(")") { return }
                    break
                }
                place = end + 1
            }
        }
        throw Objection(
            reason: "`del` takes fields that are named, separated by commas",
            hint: "for example `del(.a.b, .list[0], .list[].c)`; `map(select(…))` leaves elements out")
    }

    private static func checkTarget(
        before index: Int, _ sign: String, in tokens: [JQTokens.Token]
    ) throws(FilterLanguage.Objection) {
        var start = index
        if index > 0, tokens[index - 1] == .sign(")") {
            start = opening(of: index - 1, in: tokens) ?? index
            var place = start + 1
            var end = endOfPath(from: place, in: tokens, takesAll: false)
            while let found = end, tokens[found] == .sign(",") {
                place = found + 1
                end = endOfPath(from: place, in: tokens, takesAll: false)
            }
            if end == index - 1, isStart(start, in: tokens) { return }
        } else {
            while start > 0, isOfPath(tokens[start - 1]) { start -= 1 }
            // Brackets that were opened before belong to what stands around.
            while start < index, tokens[start] == .sign("[") { start += 1 }
            if endOfPath(from: start, in: tokens, takesAll: false) == index, isStart(start, in: tokens) { return }
        }
        throw Objection(
            reason: "`\(sign)` needs a field that is named in front of it, such as `.a.b` or `(.a, .b)`",
            hint: "write `.list |= map(…)` for the elements of a list, and `. + {(…): …}` for a computed name")
    }

    /// Where a path of names, literal texts and small numbers ends that begins there; `nil` when none does.
    ///
    /// - Parameter takesAll: whether `[]` may be in it.
    private static func endOfPath(from start: Int, in tokens: [JQTokens.Token], takesAll: Bool) -> Int? {
        var place = start
        func has(_ sign: String, at distance: Int = 0) -> Bool {
            place + distance < tokens.count && tokens[place + distance] == .sign(sign)
        }
        while place < tokens.count {
            if case .field = tokens[place] {
                place += 1
            } else if has("?"), place > start {
                place += 1
            } else if has("."), place + 1 < tokens.count, case .text(_, isWhole: true) = tokens[place + 1] {
                place += 2
            } else if has("."), has("[", at: 1), place == start {
                place += 1
            } else if has("["), place > start, has("]", at: 1) {
                guard takesAll else { return nil }
                place += 2
            } else if has("["), place > start, has("]", at: 2) {
                switch tokens[place + 1] {
                case .text(_, isWhole: true): break
                case .number(let number): guard let index = Int(number), index <= mostIndex else { return nil }
                default: return nil
                }
                place += 3
            } else {
                break
            }
        }
        return place > start ? place : nil
    }

    private static func isOfPath(_ token: JQTokens.Token) -> Bool {
        switch token {
        case .field, .text(_, isWhole: true), .number, .sign("."), .sign("["), .sign("]"), .sign("?"): true
        default: false
        }
    }

    private static func opening(of closing: Int, in tokens: [JQTokens.Token]) -> Int? {
        var depth = 0
        for place in stride(from: closing, through: 0, by: -1) {
            if tokens[place] == .sign(")") { depth += 1 }
            if tokens[place] == .sign("(") { depth -= 1 }
            if depth == 0 { return place }
        }
        return nil
    }

    /// Whether what begins there is the whole left side of an assignment: operators that bind more loosely stand before it.
    private static func isStart(_ place: Int, in tokens: [JQTokens.Token]) -> Bool {
        guard place > 0 else { return true }
        switch tokens[place - 1] {
        case .sign("|"), .sign("("), .sign(","), .sign("//"), .sign("["), .sign(";"), .word("then"), .word("else"), .word("if"),
            .word("elif"):
            return true
        default: return false
        }
    }
}
