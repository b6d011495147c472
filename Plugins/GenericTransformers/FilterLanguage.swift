import PatchbayJSON

/// What of jq's language a filter may use: what surely ends, and ends well, on every record.
///
/// jq has no time limit, and some of its functions run for ever (`repeat`), do so on some records (`index` of an empty
/// text, `gsub`), grow without bound (a text times a number) or end the process (`todate` of a number that is no date,
/// `scan` and all others that match again and again, on an empty text; `paths` when its first result is the last one that
/// is asked for). A list of what is harmless stays true when jq gets new functions; one of what isn't would not.
enum FilterLanguage {
    /// Why an expression is refused.
    struct Objection: Error, Equatable {
        let reason: String
        let hint: String
    }

    static let functions = [
        "add", "all", "any", "arrays", "ascii_downcase", "ascii_upcase", "booleans", "ceil", "contains", "empty",
        "endswith", "error", "explode", "fabs", "first", "flatten", "floor", "from_entries", "fromjson", "getpath", "group_by",
        "has", "IN", "in", "index", "indices", "infinite", "inside", "isempty", "isinfinite", "isnan", "isnormal", "iterables",
        "join", "keys", "keys_unsorted", "last", "length", "limit", "log", "log10", "log2", "ltrimstr", "map",
        "map_values", "max", "max_by", "min", "min_by", "nan", "not", "nth", "now", "nulls", "numbers", "objects",
        "pow", "recurse", "reverse", "rindex", "round", "rtrimstr", "scalars", "select", "sort",
        "sort_by", "split", "sqrt", "startswith", "strings", "test", "to_entries", "tojson", "tonumber", "tostring",
        "type", "unique", "unique_by", "utf8bytelength", "values", "with_entries",
    ]

    static let known = Set(functions)
    static let keywords: Set<String> = [
        "and", "or", "true", "false", "null", "if", "then", "elif", "else", "end", "as", "reduce", "foreach", "try", "catch",
        "label", "break",
    ]
    static let assignments: Set<String> = ["=", "|=", "+=", "-=", "*=", "/=", "%=", "//="]
    private static let searches: Set<String> = ["index", "rindex", "indices"]

    static func check(_ text: JQTokens) throws(Objection) {
        let tokens = text.tokens
        for (index, token) in tokens.enumerated() {
            switch token {
            case .word(let word) where !text.keys.contains(index):
                try FilterMistakes.checkQuotes(around: index, in: tokens)
                try check(word, followedBy: tokens[(index + 1)...])
            case .sign(let sign) where assignments.contains(sign):
                throw Objection(
                    reason: "a filter can't change records, so it can't assign (`\(sign)`)",
                    hint: sign == "=" ? "compare with `==`" : "use `pick` or `rename` to change records")
            case .sign(let sign):
                try checkVariable(sign)
                try FilterMistakes.checkConstants(around: index, in: tokens)
            default: break
            }
        }
    }

    /// The process's environment holds secrets, which an expression must not find out or pass on.
    static func checkVariable(_ sign: String) throws(Objection) {
        guard sign == "$ENV" || sign == "$__prog_args" else { return }
        throw Objection(reason: "`\(sign)` can't be used here", hint: "the file itself can name a variable: `${NAME}`")
    }

    /// - Parameters:
    ///   - user: what uses the function.
    ///   - hint: what to do instead of a function that isn't there.
    static func check(
        _ word: String, followedBy rest: ArraySlice<JQTokens.Token>, by user: String = "a filter",
        hint: (String) -> String = FilterMistakes.hint
    ) throws(Objection) {
        if keywords.contains(word) { return }
        guard known.contains(word) else {
            throw Objection(reason: "`\(word)` is not among the jq functions that \(user) may use", hint: hint(word))
        }
        if word == "recurse", rest.first == .sign("(") {
            throw Objection(
                reason: "`recurse` with an argument may never end", hint: "`..` or `recurse` alone give all inner values")
        }
        if word == "split", hasSeveralArguments(rest) {
            throw Objection(
                reason: "`split` with a regular expression may end the process on an empty text",
                hint: "`split(\",\")` splits at literal text, `test(…)` takes regular expressions")
        }
        if searches.contains(word) {
            let argument = Array(rest.prefix(3))
            if argument.count == 3, argument[0] == .sign("("), argument[2] == .sign(")"),
                case .text(let text, isWhole: true) = argument[1], !text.isEmpty
            {
                return
            }
            throw Objection(
                reason: "jq never ends when `\(word)` looks for an empty text, so what it looks for must be a literal",
                hint: "for example `\(word)(\"hot\")`; `contains(…)` takes any expression")
        }
    }

    /// Whether the brackets that follow have a `;` of their own.
    private static func hasSeveralArguments(_ rest: ArraySlice<JQTokens.Token>) -> Bool {
        guard rest.first == .sign("(") else { return false }
        var depth = 0
        for token in rest {
            switch token {
            case .sign("("), .sign("["), .sign("{"): depth += 1
            case .sign(")"), .sign("]"), .sign("}"):
                depth -= 1
                if depth == 0 { return false }
            case .sign(";") where depth == 1: return true
            default: break
            }
        }
        return false
    }

    /// Words whose functions use regular expressions.
    static let patterns: Set<String> = ["test"]

    /// jq 1.6 repeats a text as often as a number says, which a record could have in billions, and the remainder of the least
    /// integer by -1 ends the process (SIGFPE).
    private static let products = """
        def patchbay_product(a; b): a * b; def patchbay_rest(a; b): a % b; \
        def _multiply(a; b): b as $b | a as $a | if [$a, $b | type] | contains(["string"]) \
        then error("a text can't be multiplied") else patchbay_product($a; $b) end; \
        def _mod(a; b): b as $b | a as $a | patchbay_rest($a; if ($b | type) == "number" and $b <= -1 and $b > -2 \
        then 1 else $b end); 
        """

    /// jq 1.6 copies the whole list for each of its elements: 40,000 of them take it half a minute.
    private static let mapValues = """
        def map_values(f): if type == "array" then [.[] | [f][0:1][]] else reduce keys_unsorted[] as $k \
        (.; [.[$k] | f] as $r | if ($r | length) > 0 then setpath([$k]; $r[0]) else delpaths([[$k]]) end) end; 
        """

    /// What stands before expressions, to replace functions of jq that a record could make endless, or worse.
    static func prelude(for expressions: [JQTokens]) -> String {
        let tokens = expressions.lazy.flatMap(\.tokens)
        let hasProducts = tokens.contains { [.sign("*"), .sign("%"), .sign("*="), .sign("%=")].contains($0) }
        return (hasProducts ? products : "") + (tokens.contains(.word("map_values")) ? mapValues : "")
    }
}
