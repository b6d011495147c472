/// Pieces of the generated pages, as GitHub renders them.
enum Markdown {
    /// Code within a line, whatever characters are in it.
    static func code(_ text: String) -> String {
        guard text.contains("`") else { return "`\(text)`" }
        let fence = String(repeating: "`", count: longestRun(in: text) + 1)
        return "\(fence) \(text) \(fence)"
    }

    /// A block of code; ends with a line break.
    static func block(_ text: String, language: String) -> String {
        let fence = String(repeating: "`", count: max(3, longestRun(in: text) + 1))
        return "\(fence)\(language)\n\(text)\n\(fence)\n"
    }

    /// Ends with a line break.
    static func table(_ head: [String], _ rows: [[String]]) -> String {
        func line(_ cells: [String]) -> String { "| " + cells.map(cell).joined(separator: " | ") + " |\n" }
        return line(head) + "|" + String(repeating: "---|", count: head.count) + "\n" + rows.map(line).joined()
    }

    /// A vertical bar would end the cell, in code too.
    static func cell(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("\n", with: " ")
    }

    /// A link to a heading of the same page.
    static func link(toHeading heading: String) -> String { "[\(code(heading))](#\(anchor(heading)))" }

    /// What GitHub calls a heading: lower case, spaces as `-`, other signs left out.
    static func anchor(_ heading: String) -> String {
        String(
            heading.lowercased().compactMap { character -> Character? in
                if character == " " { return "-" }
                return character.isLetter || character.isNumber || character == "-" || character == "_" ? character : nil
            })
    }

    private static func longestRun(in text: String) -> Int {
        var longest = 0
        var run = 0
        for character in text {
            run = character == "`" ? run + 1 : 0
            longest = max(longest, run)
        }
        return longest
    }
}
