import PatchbayAPI
import PatchbayConfig
import PatchbayJSON

/// Fields of JSON objects, nested ones included, that channels could be made for or records be chosen by.
struct FieldSuggestions {
    /// Levels looked into: what is deeper makes no name that anybody would type.
    private static let deepest = 4
    /// Fields looked at.
    private static let mostFields = 500
    /// Bytes of a value that is worth a channel or a condition.
    private static let longestValue = 64
    /// Different values that are few enough to choose by.
    private static let fewValues = 2...8
    /// Words of jq's language, which can't be written as `.word` in all versions.
    private static let jqWords: Set<String> = [
        "and", "or", "not", "if", "then", "else", "elif", "end", "as", "def", "reduce", "foreach", "try", "catch", "label",
        "import", "include", "__loc__",
    ]

    /// One field, by the names on the way to it, and its texts in the order of the objects.
    private struct Found {
        let path: [String]
        var texts: [String] = []

        /// Times come back in a sample, but not later: nobody chooses records by one, or wants a channel for each.
        var isTime: Bool { texts.contains(where: FieldSuggestions.looksLikeTime) }
    }

    /// Such as `2026-01-31`, `2026-01-31T12:00:00Z`, `12:00:00`, `Sat, 31 Jan 2026 …`, or seconds and parts of them since 1970.
    static func looksLikeTime(_ text: String) -> Bool {
        text.starts(with: #/[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}/#) || text.starts(with: #/[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}/#)
            || text.starts(with: #/[0-9]{1,2}:[0-9]{2}(:|$)/#) || text.starts(with: #/(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /#)
            || text.wholeMatch(of: #/[0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19}|[0-9]{10,}\.[0-9]+|[0-9]{8}T[0-9]{4,6}Z?/#) != nil
    }

    private var found: [Found] = []
    private var places: [[ByteString]: Int] = [:]
    private let objects: Int

    /// - Parameter values: texts of JSON; what isn't an object has no fields.
    init(_ values: [[UInt8]]) {
        objects = values.count
        var parser = JSONParser(limits: JSONLimits(maximumBytes: 100 << 20))
        for value in values {
            _ = value.withUnsafeBytes { bytes in parser.read(bytes) { collect($0, path: []) } }
        }
    }

    private mutating func collect(_ value: JSONValue, path: [String]) {
        guard value.type == .object, path.count < Self.deepest else { return }
        for member in value.members {
            let path = path + [member.nameString]
            let place = path.map { ByteString($0) }
            if member.value.type == .object { collect(member.value, path: path) }
            guard member.value.type == .string, let text = member.value.stringValue else { continue }
            if places[place] == nil {
                guard found.count < Self.mostFields else { continue }
                places[place] = found.count
                found.append(Found(path: path))
            }
            if let index = places[place] { found[index].texts.append(text) }
        }
    }

    /// The field for a template's placeholder, such as `user.id`: a text that every object has, short, and by preference
    /// one that comes back with the same values; `nil` when there is none.
    var channelField: String? {
        guard objects > 0 else { return nil }
        let common = found.filter { field in
            field.texts.count == objects && field.texts.allSatisfy(Self.isWorthAName) && field.path.allSatisfy(Self.isPlaceholder)
                && !field.isTime
        }
        let repeated = common.first { field in Set(field.texts.map { ByteString($0) }).count < field.texts.count }
        return (repeated ?? common.first)?.path.joined(separator: ".")
    }

    /// A condition of a filter, such as `.user.kind == "admin"`: on a field with few different values, for its most
    /// frequent one; `nil` when there is none.
    var condition: String? {
        for field in found where field.path.allSatisfy(Self.isJQName) && field.texts.allSatisfy(Self.isWorthAName) && !field.isTime {
            let counts = Dictionary(grouping: field.texts, by: { ByteString($0) }).mapValues(\.count)
            guard Self.fewValues.contains(counts.count), counts.count < field.texts.count else { continue }
            // The first in the alphabet of those that come as often, so that the same records make the same file.
            guard let most = counts.min(by: { ($1.value, $0.key.string) < ($0.value, $1.key.string) }) else { continue }
            return ".\(field.path.joined(separator: ".")) == \(JSONLiteral.quoted(most.key.string))"
        }
        return nil
    }

    private static func isWorthAName(_ text: String) -> Bool {
        (1...longestValue).contains(text.utf8.count) && text.unicodeScalars.allSatisfy(DisplayText.isHarmless)
    }

    private static func isPlaceholder(_ name: String) -> Bool {
        !name.isEmpty && name.unicodeScalars.allSatisfy { DisplayText.isHarmless($0) && !"{}[].@ ".unicodeScalars.contains($0) }
    }

    private static func isJQName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first), !jqWords.contains(name) else { return false }
        return name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F }
    }
}
