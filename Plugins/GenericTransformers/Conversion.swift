import PatchbayAPI
import PatchbayJSON

/// What `convert` makes of a value.
enum Conversion: Sendable, Equatable {
    case integer
    case number
    case decimal
    case string
    case boolean
    case upper
    case lower
    case time(from: TimeForm, to: TimeForm)

    static let words: [(name: String, conversion: Conversion)] = [
        ("integer", .integer), ("number", .number), ("decimal", .decimal), ("string", .string), ("boolean", .boolean), ("upper", .upper),
        ("lower", .lower),
    ]

    /// Completes "can't be made …".
    var phrase: String {
        switch self {
        case .integer: "an integer"
        case .number: "a number"
        case .decimal: "a decimal"
        case .string: "a string"
        case .boolean: "a boolean"
        case .upper: "upper case"
        case .lower: "lower case"
        case .time(let from, let to): "`\(Self.name(to))` of `\(Self.name(from))`"
        }
    }

    private static func name(_ form: TimeForm) -> String { TimeForm.names.first { $0.form == form }?.name ?? "" }

    /// Appends what the value becomes. Null stays null.
    func apply(to value: JSONValue, into bytes: inout [UInt8]) -> EditOutcome {
        if value.type == .null { return .unchanged }
        return switch self {
        case .integer: integer(value, &bytes)
        case .number: number(value, &bytes)
        case .decimal: decimal(value, &bytes)
        case .string: string(value, &bytes)
        case .boolean: boolean(value, &bytes)
        case .upper: letters(value, from: UInt8(ascii: "a"), &bytes) { $0.uppercased() }
        case .lower: letters(value, from: UInt8(ascii: "A"), &bytes) { $0.lowercased() }
        case .time(let from, let to): time(value, from, to, &bytes)
        }
    }

    private func integer(_ value: JSONValue, _ bytes: inout [UInt8]) -> EditOutcome {
        guard let digits = Self.digits(value) else { return .impossible("it is not a number, and not text that is one") }
        if value.type == .number, digits.isPlainInteger { return .unchanged }
        return digits.appendInteger(to: &bytes) ? .edited : .impossible("it has a fraction, or more than 1,000 digits")
    }

    private func number(_ value: JSONValue, _ bytes: inout [UInt8]) -> EditOutcome {
        if value.type == .number { return .unchanged }
        guard let text = value.string, let digits = DecimalDigits(text) else {
            return .impossible("it is not a number, and not text that is one")
        }
        if digits.isJSON {
            bytes.append(contentsOf: text)
            return .edited
        }
        return digits.appendPlain(to: &bytes) ? .edited : .impossible("it has more than 1,000 digits")
    }

    private func decimal(_ value: JSONValue, _ bytes: inout [UInt8]) -> EditOutcome {
        guard let digits = Self.digits(value) else { return .impossible("it is not a number, and not text that is one") }
        if value.type == .string, digits.isPlain, digits.isJSON { return .unchanged }
        bytes.append(UInt8(ascii: "\""))
        guard digits.appendPlain(to: &bytes) else { return .impossible("it has more than 1,000 digits") }
        bytes.append(UInt8(ascii: "\""))
        return .edited
    }

    private func string(_ value: JSONValue, _ bytes: inout [UInt8]) -> EditOutcome {
        if value.type == .string { return .unchanged }
        JSONText.appendString(validUTF8: value.text, to: &bytes)
        return .edited
    }

    private func boolean(_ value: JSONValue, _ bytes: inout [UInt8]) -> EditOutcome {
        if value.type == .bool { return .unchanged }
        let text = value.type == .number ? value.text : value.string
        guard let text, let bool = Self.bool(text) else {
            return .impossible("it is none of `true`, `false`, 1 and 0, and not text that is one of them")
        }
        bytes.append(contentsOf: (bool ? "true" : "false").utf8)
        return .edited
    }

    private static func bool(_ text: UnsafeRawBufferPointer) -> Bool? {
        if text.count == 1 { return text[0] == UInt8(ascii: "1") ? true : text[0] == UInt8(ascii: "0") ? false : nil }
        if isWord(text, "true") { return true }
        return isWord(text, "false") ? false : nil
    }

    /// In capitals or not.
    private static func isWord(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard text.count == word.utf8CodeUnitCount else { return false }
        for index in text.indices where text[index] | 0x20 != word.utf8Start[index] { return false }
        return true
    }

    /// - Parameter first: the first of the 26 letters that are to change.
    private func letters(
        _ value: JSONValue, from first: UInt8, _ bytes: inout [UInt8], _ convert: (String) -> String
    ) -> EditOutcome {
        guard value.type == .string else { return .impossible("it is not text") }
        let written = value.text
        var isASCII = true
        for index in written.indices where written[index] >= 0x80 || written[index] == UInt8(ascii: "\\") { isASCII = false }
        if isASCII {
            for index in written.indices {
                let byte = written[index]
                bytes.append(byte >= first && byte < first + 26 ? byte ^ 0x20 : byte)
            }
            return .edited
        }
        if value.hasLoneSurrogate { return .impossible("it holds half of a surrogate pair, which is not text") }
        // Letters of other alphabets need Unicode's tables, which Swift has in its strings.
        var text = convert(value.stringValue ?? "")
        text.withUTF8 { JSONText.appendString(validUTF8: UnsafeRawBufferPointer($0), to: &bytes) }
        return .edited
    }

    private func time(_ value: JSONValue, _ from: TimeForm, _ to: TimeForm, _ bytes: inout [UInt8]) -> EditOutcome {
        guard let time = from.time(value) else {
            return .impossible(
                from == .iso8601
                    ? "it is not text such as `2026-01-31T23:59:59.999Z`, with `Z` or an offset, in the years 0 to 9999"
                    : "it is not a number of these units in the years 0 to 9999, down to the nanosecond")
        }
        if to == .iso8601 { bytes.append(UInt8(ascii: "\"")) }
        to.append(time, to: &bytes)
        if to == .iso8601 { bytes.append(UInt8(ascii: "\"")) }
        return .edited
    }

    private static func digits(_ value: JSONValue) -> DecimalDigits? {
        value.type == .number ? DecimalDigits(value.text) : value.string.flatMap { DecimalDigits($0) }
    }
}

// MARK: Reading

extension Conversion {
    /// What an option says.
    init(_ value: ConfigValue, of path: String, option: String) throws(OptionError) {
        switch value {
        case .string(let name):
            if let known = Self.words.first(where: { $0.name == name }) {
                self = known.conversion
                return
            }
            let isTime = TimeForm(name) != nil
            throw OptionError(
                option: option, message: "`\(path)` can't be converted to `\(name)`",
                hint: isTime
                    ? "say what it is now as well: `\(path): { from: \(name == "iso8601" ? "epoch_ms" : "iso8601"), to: \(name) }`"
                    : Self.hint(for: name, among: Self.words.map(\.name), "times are converted by `{ from: epoch_ms, to: iso8601 }`"))
        case .map(let entries):
            let keys = entries.keys.map(\.string)
            if let unknown = keys.sortedByBytes().first(where: { !["from", "to"].containsBytes(of: $0) }) {
                throw OptionError(
                    option: option, message: "`\(unknown)` says nothing about how to convert `\(path)`",
                    hint: "write `\(path): { from: epoch_ms, to: iso8601 }`")
            }
            self = .time(
                from: try Self.form(entries["from"], "from", path, option), to: try Self.form(entries["to"], "to", path, option))
        default:
            throw OptionError(
                option: option, message: "what `\(path)` is converted to must be a word or `{ from: …, to: … }`",
                hint: "for example `\(path): decimal`")
        }
    }

    private static func form(_ value: ConfigValue?, _ key: String, _ path: String, _ option: String) throws(OptionError) -> TimeForm {
        let names = TimeForm.names.map(\.name)
        guard case .string(let name)? = value else {
            throw OptionError(
                option: option, message: "`\(path)` needs `\(key)`, how its time is written \(key == "from" ? "now" : "then")",
                hint: "one of \(names.map { "`\($0)`" }.joined(separator: ", "))")
        }
        guard let form = TimeForm(name) else {
            throw OptionError(
                option: option, message: "there is no form `\(name)` of times, which `\(key)` of `\(path)` names",
                hint: hint(for: name, among: names, nil))
        }
        return form
    }

    private static func hint(for name: String, among names: [String], _ more: String?) -> String {
        Suggestion.sentence(for: name, among: names) + (more.map { "; \($0)" } ?? "")
    }
}
