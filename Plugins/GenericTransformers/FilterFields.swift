/// The fields of a record that an expression looks at, for saying that a record doesn't have them.
///
/// Thread: any. Immutable.
public struct FilterFields: Sendable {
    /// The names on the way to each field, from the outermost; none is empty.
    public let paths: [[String]]

    /// - Parameter expression: as the option `where` of `filter` takes it. Fields of inner values, as behind a `|`, are left out.
    public init(of expression: String) {
        var paths: [[String]] = []
        // For each open bracket, and the whole: whether fields in it are those of the record.
        var isOutermost = [true]
        let tokens = JQTokens(expression).tokens
        var index = 0
        while index < tokens.count {
            switch tokens[index] {
            case .sign("("), .sign("["), .sign("{"):
                // Functions may hand something else to their arguments.
                var isCall = false
                if index > 0, case .word(let word) = tokens[index - 1] {
                    isCall = !["and", "or", "if", "then", "else", "elif"].contains(word)
                }
                isOutermost.append(isOutermost.last == true && !isCall)
            case .sign(")"), .sign("]"), .sign("}"): if isOutermost.count > 1 { isOutermost.removeLast() }
            case .sign("|"), .sign(";"): isOutermost[isOutermost.count - 1] = false
            case .field where isOutermost.last == true && (index == 0 || !Self.isPath(tokens[index - 1])):
                var names: [String] = []
                while index < tokens.count, case .field(let name) = tokens[index] {
                    names.append(name)
                    index += 1
                }
                if !paths.contains(names) { paths.append(names) }
                continue
            default: break
            }
            index += 1
        }
        self.paths = paths
    }

    /// Whether a field behind it is one of what it gives.
    private static func isPath(_ token: JQTokens.Token) -> Bool {
        switch token {
        case .field, .text, .sign(")"), .sign("]"), .sign("}"), .sign("."), .sign(".."), .sign("?"), .sign("$"): true
        case .sign(let sign): sign.hasPrefix("@") || sign.hasPrefix("$")
        case .word(let word): !["and", "or", "if", "then", "else", "elif", "not"].contains(word)
        case .number: true
        }
    }
}
