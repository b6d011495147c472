import PatchbayAPI

/// A scalar's text on its way to a value of a kind, and how strictly it is typed.
struct ScalarText {
    enum Form {
        /// As YAML types it.
        case plain
        /// In quotes or a block: text.
        case quoted
        /// From the environment or an interpolation: whatever is wanted.
        case free
    }

    let text: String
    let form: Form

    var type: ScalarType {
        switch form {
        case .plain: ScalarType(plain: text)
        case .quoted: .text
        case .free: text.isEmpty ? .text : ScalarType(plain: text)
        }
    }

    /// What a message says was found.
    var found: String {
        switch (form, type) {
        case (.quoted, _), (_, .text): "the text \(DisplayText.quoted(text))"
        case (_, .null): "nothing"
        case (_, .bool): "the boolean `\(text)`"
        case (_, .integer), (_, .number): "the number \(DisplayText.plain(text))"
        }
    }
}

/// Turns a scalar into a value of a scalar kind, or says what it must be.
struct ScalarReader {
    struct Problem: Error {
        /// Begins with "must".
        let message: String
        let hint: String?
        /// Whether saying what was found adds anything.
        var showsFound = true
        /// The range, to stand behind a message that doesn't name it.
        var allowed: String?
    }

    let subject: Subject

    /// A value of `kind`, which is neither list, object, dictionary nor any.
    func read(_ scalar: ScalarText, as kind: FieldKind) throws(Problem) -> ConfigValue {
        switch kind {
        case .string(let minimumLength): try .string(string(scalar, minimumLength))
        case .bool: try .bool(bool(scalar))
        case .integer(let range): try .integer(integer(scalar, range))
        case .number(let range): try .number(number(scalar, range))
        case .duration(let range): try .integer(duration(scalar, range))
        case .size(let range): try .integer(size(scalar, range))
        case .choice(let words): try .string(choice(scalar, words))
        case .scalar:
            if scalar.type == .null { throw mismatch(kind) } else { .string(scalar.text) }
        case .list, .object, .dictionary, .any, .json: throw mismatch(kind)
        }
    }

    private func string(_ scalar: ScalarText, _ minimumLength: Int) throws(Problem) -> String {
        switch (scalar.form, scalar.type) {
        case (.plain, .null): throw mismatch(.string())
        case (.plain, .bool), (.plain, .integer), (.plain, .number):
            throw mismatch(.string(), hint: "put it in quotes: `\"\(DisplayText.plain(scalar.text))\"`")
        default: break
        }
        guard scalar.text.unicodeScalars.count >= minimumLength else {
            throw Problem(
                message: minimumLength == 1 ? "must not be empty" : "must have at least \(minimumLength) characters",
                hint: subject.exampleLine, showsFound: !scalar.text.isEmpty)
        }
        return scalar.text
    }

    private func bool(_ scalar: ScalarText) throws(Problem) -> Bool {
        if case .bool(let value) = scalar.type { return value }
        let word = scalar.text.lowercased()
        let hint: String? =
            switch word {
            case scalar.text where word == "true" || word == "false": "remove the quotes"
            case "true", "yes", "on", "y", "1": "write `true`"
            case "false", "no", "off", "n", "0": "write `false`"
            default: subject.exampleLine
            }
        throw mismatch(.bool, hint: hint)
    }

    private func integer(_ scalar: ScalarText, _ range: ClosedRange<Int64>) throws(Problem) -> Int64 {
        guard case .integer(let value) = scalar.type else { throw mismatch(.integer(range), hint: numberHint(scalar)) }
        return try checked(value, range) { String($0) }
    }

    private func number(_ scalar: ScalarText, _ range: ClosedRange<Double>) throws(Problem) -> Double {
        let value: Double
        switch scalar.type {
        case .integer(let whole?): value = Double(whole)
        case .integer(nil): value = Double(scalar.text) ?? .infinity
        case .number(let number): value = number
        default: throw mismatch(.number(range), hint: numberHint(scalar))
        }
        // Not a number compares false with everything and so lies in no range.
        if range.contains(value) || value == 0 && subject.zeroMeaning != nil { return value }
        throw outOfRange(words(range))
    }

    private func duration(_ scalar: ScalarText, _ range: ClosedRange<Int64>) throws(Problem) -> Int64 {
        let value: Int64?
        do {
            value = try Quantity.milliseconds(scalar.text)
        } catch {
            throw mismatch(.duration(milliseconds: range), hint: error.hint)
        }
        return try checked(value, range, show: Quantity.duration)
    }

    private func size(_ scalar: ScalarText, _ range: ClosedRange<Int64>) throws(Problem) -> Int64 {
        let value: Int64?
        do {
            value = try Quantity.bytes(scalar.text)
        } catch {
            throw mismatch(.size(bytes: range), hint: error.hint)
        }
        return try checked(value, range, show: Quantity.size)
    }

    private func choice(_ scalar: ScalarText, _ words: [String]) throws(Problem) -> String {
        if words.contains(scalar.text) { return scalar.text }
        let near = Suggestion.nearest(to: scalar.text, among: words)
        throw mismatch(.choice(words), hint: near.map { "did you mean `\($0)`?" })
    }

    private func checked(
        _ value: Int64?, _ range: ClosedRange<Int64>, show: (Int64) -> String
    ) throws(Problem) -> Int64 {
        if let value, range.contains(value) || value == 0 && subject.zeroMeaning != nil { return value }
        throw outOfRange(words(range, show))
    }

    private func outOfRange(_ range: String) -> Problem {
        Problem(message: "must be \(range)", hint: subject.exampleLine)
    }

    private func words(_ range: ClosedRange<Int64>, _ show: (Int64) -> String) -> String {
        words(show(range.lowerBound), show(range.upperBound), isOpen: range.upperBound == .max)
    }

    private func words(_ range: ClosedRange<Double>) -> String {
        words("\(range.lowerBound)", "\(range.upperBound)", isOpen: range.upperBound >= .greatestFiniteMagnitude)
    }

    /// Such as `between 1 and 10 clients, or 0 (no limit)`.
    private func words(_ lower: String, _ upper: String, isOpen: Bool) -> String {
        // A unit that the bounds already carry is not repeated: "between 128 bytes and 1MiB".
        let unit =
            subject.unit.flatMap { unit in
                lower.hasSuffix(unit) || upper.last?.isNumber == false ? nil : " \(unit)"
            } ?? ""
        let range =
            lower == upper ? "\(lower)\(unit)" : isOpen ? "at least \(lower)\(unit)" : "between \(lower) and \(upper)\(unit)"
        return range + (subject.zeroMeaning.map { ", or 0 (\($0))" } ?? "")
    }

    private func mismatch(_ kind: FieldKind, hint: String? = nil) -> Problem {
        let allowed: String? =
            switch kind {
            case .integer(let range): words(range) { String($0) }
            case .number(let range): words(range)
            case .duration(let range): words(range, Quantity.duration)
            case .size(let range): words(range, Quantity.size)
            default: nil
            }
        return Problem(message: "must be \(kind.expectation)", hint: hint ?? subject.exampleLine, allowed: allowed)
    }

    private func numberHint(_ scalar: ScalarText) -> String? {
        let bare = scalar.text.filter { $0 != "_" && $0 != "," && $0 != " " }
        switch ScalarType(plain: bare) {
        case .integer: return scalar.form == .quoted && bare == scalar.text ? "remove the quotes" : "write `\(bare)`"
        default: return nil
        }
    }
}

extension FieldKind {
    /// Completes "must be …".
    var expectation: String {
        switch self {
        case .string: "text"
        case .bool: "`true` or `false`"
        case .integer: "a whole number"
        case .number: "a number"
        case .duration: "a time span such as `30s`"
        case .size: "a size such as `64KiB`"
        case .choice(let words): "one of \(DisplayText.list(words))"
        case .list: "a list"
        case .object, .dictionary: "a mapping (`key: value`)"
        case .scalar: "text, a number or a boolean"
        case .any, .json: "a value"
        }
    }
}
