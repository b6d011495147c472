import PatchbayAPI

/// Findings as text for a terminal or a log, without colours or control characters:
///
///     routes.yaml:12:5: error: unknown key `chanel`
///         chanel: dashboard
///         ^
///       hint: did you mean `channel`?
public enum DiagnosticRenderer {
    /// Characters of a line shown on each side of the caret.
    private static let context = 60

    /// All findings and a summary such as "3 errors in routes.yaml"; empty without findings. Ends with a line break.
    public static func render(_ diagnostics: [Diagnostic], file: String) -> String {
        guard !diagnostics.isEmpty else { return "" }
        return diagnostics.map { render($0) + "\n" }.joined() + summary(diagnostics, file: file) + "\n"
    }

    /// One finding, without a line break at its end.
    public static func render(_ diagnostic: Diagnostic) -> String {
        let place = diagnostic.position.map { "\(visible($0.file)):\($0.line):\($0.column): " } ?? ""
        var lines = ["\(place)\(diagnostic.severity.rawValue): \(visible(diagnostic.message))"]
        if let source = diagnostic.sourceLine, !source.isEmpty, let position = diagnostic.position {
            let (text, caret) = excerpt(source, column: position.column)
            lines.append("    " + text)
            lines.append("    " + caret)
        }
        if let hint = diagnostic.hint { lines.append("  hint: \(visible(hint))") }
        return lines.joined(separator: "\n")
    }

    /// Such as "1 error and 2 warnings in routes.yaml"; empty without findings. The file is not blamed for variables.
    public static func summary(_ diagnostics: [Diagnostic], file: String) -> String {
        let errors = diagnostics.count { $0.severity == .error }
        let warnings = diagnostics.count - errors
        var parts: [String] = []
        if errors > 0 { parts.append("\(errors) error\(errors == 1 ? "" : "s")") }
        if warnings > 0 { parts.append("\(warnings) warning\(warnings == 1 ? "" : "s")") }
        let isAboutFile = diagnostics.contains { $0.variable == nil }
        let isAboutVariables = diagnostics.contains { $0.variable != nil }
        let places = (isAboutFile ? [visible(file)] : []) + (isAboutVariables ? ["the environment"] : [])
        return parts.isEmpty ? "" : "\(parts.joined(separator: " and ")) in \(places.joined(separator: " and "))"
    }

    /// The part of the line around the column, and a line with a caret under it.
    private static func excerpt(_ source: String, column: Int) -> (text: String, caret: String) {
        let scalars = Array(source.unicodeScalars.prefix(column + context + 1))
        let target = min(max(0, column - 1), scalars.count)
        let start = target > context ? target - context : 0
        let end = min(scalars.count, target + context)

        var text = start > 0 ? "…" : ""
        var caret = start > 0 ? " " : ""
        for index in start..<end {
            let scalar = DisplayText.isHarmless(scalars[index]) || scalars[index] == "\t" ? scalars[index] : "\u{FFFD}"
            text.unicodeScalars.append(scalar)
            guard index < target else { continue }
            // A tab is as wide as its column makes it: the same tab below keeps the caret under its character.
            caret += scalar == "\t" ? "\t" : String(repeating: " ", count: ColumnWidth.of(scalar))
        }
        return (end < scalars.count ? text + "…" : text, caret + "^")
    }

    private static func visible(_ text: String) -> String {
        guard !text.unicodeScalars.allSatisfy(DisplayText.isHarmless) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(DisplayText.isHarmless(scalar) ? scalar : "\u{FFFD}") }
        return String(result)
    }
}

/// Columns of a terminal that a scalar takes.
enum ColumnWidth {
    static func of(_ scalar: Unicode.Scalar) -> Int {
        if scalar.isASCII { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        if scalar.properties.isEmojiPresentation { return 2 }
        return wide.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    /// Blocks of wide and full-width characters (Unicode Standard Annex 11, classes W and F), emoji aside.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,
        0x1F200...0x1F2FF, 0x20000...0x3FFFD,
    ]
}
