import PatchbayAPI
import PatchbayConfig

extension FieldKind {
    /// What an operator writes there, in Markdown: "whole number", "list of text".
    var words: String {
        switch self {
        case .string(0): "text, may be empty"
        case .string(1): "text"
        case .string(let minimumLength): "text of at least \(minimumLength) characters"
        case .bool: "`true` or `false`"
        case .integer: "whole number"
        case .number: "number"
        case .duration: "duration"
        case .size: "size"
        case .choice(let choices): "one of " + choices.map { "`\($0)`" }.joined(separator: ", ")
        case .list(.object, _): "list of mappings"
        case .list(let kind, 0...1): "\(kind.words), or a list of \(kind.isChoice ? "these" : kind.pluralWords)"
        case .list(let kind, let minimumCount): "list of at least \(minimumCount): \(kind.words)"
        case .object: "mapping"
        case .dictionary(let kind): "mapping of names to \(kind.pluralWords)"
        case .scalar: "text, number or boolean"
        case .any, .json: "any value"
        }
    }

    private var isChoice: Bool { if case .choice = self { true } else { false } }

    private var pluralWords: String {
        switch self {
        case .object: "mappings"
        case .integer: "whole numbers"
        case .number: "numbers"
        case .duration: "durations"
        case .size: "sizes"
        case .scalar: "text, numbers or booleans"
        case .any, .json: "values"
        default: words
        }
    }

    /// The range that values, or the items of a list, must lie in; `nil` when there is none.
    func rangeWords(unit: String?) -> String? {
        let unit = unit.map { " " + $0 } ?? ""
        switch self {
        case .integer(let range): return Self.range(range, unit: unit) { "\($0)" }
        case .duration(let range): return Self.range(range, unit: "", Quantity.duration)
        case .size(let range): return Self.range(range, unit: "", Quantity.size)
        case .number(let range):
            let isOpen = range.upperBound >= .greatestFiniteMagnitude
            if range.lowerBound <= -.greatestFiniteMagnitude { return isOpen ? nil : "at most \(range.upperBound)\(unit)" }
            return isOpen ? "at least \(range.lowerBound)\(unit)" : "\(range.lowerBound) to \(range.upperBound)\(unit)"
        case .list(let kind, _): return kind.rangeWords(unit: unit.isEmpty ? nil : String(unit.dropFirst()))
        default: return nil
        }
    }

    private static func range(_ range: ClosedRange<Int64>, unit: String, _ show: (Int64) -> String) -> String? {
        switch (range.lowerBound, range.upperBound) {
        case (.min, .max): nil
        case (.min, let upper): "at most \(show(upper))\(unit)"
        // Units are plurals.
        case (1, .max) where unit.hasSuffix("s"): "at least \(show(1))\(unit.dropLast())"
        case (let lower, .max): "at least \(show(lower))\(unit)"
        case (let lower, let upper) where lower == upper: "only \(show(lower))\(unit)"
        case (let lower, let upper): "\(show(lower)) to \(show(upper))\(unit)"
        }
    }
}

extension Field {
    /// The range with what 0 stands for: "1 to 64 threads, or 0 (automatic)".
    var rangeWords: String? {
        guard let range = kind.rangeWords(unit: unit) else { return nil }
        return range + (zeroMeaning.map { ", or 0 (\($0))" } ?? "")
    }

    /// The example as a line or several of the file, with its key.
    var exampleInFile: String? {
        example.map { $0.hasPrefix("\(name):") ? $0 : "\(name): \($0)" }
    }
}
