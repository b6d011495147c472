/// libyaml's problem in words for somebody who never read the YAML specification.
struct SyntaxExplanation: Equatable {
    let message: String
    let hint: String?

    /// - Parameters:
    ///   - line: the line the problem is on.
    ///   - character: what stands at the problem; `nil` at the end of the line.
    init(_ error: YAMLSyntaxError, line: String, character: Character?) {
        let interpolates = zip(line.utf8, line.utf8.dropFirst()).contains { $0 == 0x24 && $1 == 0x7B }
        let began = error.contextMark.line + 1
        switch error.problem {
        case "found character that cannot start any token" where character == "\t",
            "found a tab character where an indentation space is expected",
            "found a tab character that violates indentation":
            message = "a tab can't be used here"
            hint = "indent with spaces"
        case "found character that cannot start any token":
            message = "a value can't start with `\(character.map(String.init) ?? " ")`"
            hint = "put the value in quotes"
        case "could not find expected ':'":
            message = "there is no `:` after this key"
            hint = "write `key: value`; a line that continues a text must be indented deeper than its key"
        case "mapping values are not allowed in this context":
            message = "a `:` can't be used here"
            hint = "check the indentation; put a value that contains `: ` in quotes"
        case "mapping keys are not allowed in this context":
            message = "a key can't be used here"
            hint = "check the indentation"
        case "block sequence entries are not allowed in this context":
            message = "a list item (`- `) can't be used here"
            hint = "start the list on a line of its own below its key"
        case "did not find expected key":
            message = "a key was expected here"
            hint = "check the indentation: all keys of the mapping that starts on line \(began) begin in the same column"
        case "did not find expected '-' indicator":
            message = "a list item (`- `) was expected here"
            hint = "check the indentation: all items of the list that starts on line \(began) begin in the same column"
        case "did not find expected ',' or ']'":
            message = "the list that starts with `[` on line \(began) isn't closed or lacks a comma"
            hint =
                interpolates
                ? "inside `[ ]`, put a value with `${…}` in quotes"
                : "separate items by `,` and close the list with `]`"
        case "did not find expected ',' or '}'":
            message = "the mapping that starts with `{` on line \(began) isn't closed or lacks a comma"
            hint =
                interpolates
                ? "inside `{ }`, put a value with `${…}` in quotes"
                : "separate entries by `,` and close the mapping with `}`"
        case "found unexpected end of stream":
            message = "the quoted text that starts on line \(began) is never closed"
            hint = "add the closing quote"
        case "found unknown escape character":
            message = "this escape isn't known in double-quoted text"
            hint = "write `\\\\` for a backslash, or use single quotes"
        case "did not find expected hexdecimal number", "found invalid Unicode character escape code":
            message = "this isn't a valid character code"
            hint = "write `\\x41`, `\\u0041` or `\\U00000041`"
        case "did not find expected alphabetic or numeric character":
            message =
                error.context == "while scanning an anchor"
                ? "`&` starts an anchor, and its name is missing" : "`*` starts an alias, and its name is missing"
            hint = "put a value that starts with `*` or `&` in quotes"
        case "did not find expected <document start>":
            message = "more text follows after the end of the document"
            hint = "check the indentation of this line"
        case "did not find expected node content":
            message = "a value was expected here"
            hint = nil
        case "found unexpected document indicator":
            message = "the quoted text that starts on line \(began) is interrupted by `---` or `...`"
            hint = "add the closing quote"
        case "did not find expected comment or line break":
            message = "nothing but a comment may follow `|` or `>` on its line"
            hint = "start the text on the next line, indented"
        default:
            let context = error.context.map { " (\($0))" } ?? ""
            message = "this isn't valid YAML: \(error.problem)\(context)"
            hint = nil
        }
    }
}
