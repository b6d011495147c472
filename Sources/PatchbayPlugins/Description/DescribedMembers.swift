import PatchbayAPI
import PatchbayJSON

/// The members of one object of a description: each known, each once.
struct DescribedMembers {
    let place: String
    private var members: [(name: String, value: JSONValue)] = []

    init(_ value: JSONValue, at place: String, known: [String]) throws(DescriptionProblem) {
        self.place = place
        guard value.type == .object else { throw DescriptionProblem(place, "must be an object") }
        for member in value.members {
            let name = member.nameString
            guard known.containsBytes(of: name) else {
                throw DescriptionProblem(
                    place, "has an unknown member `\(PluginText.bounded(member.name, limit: 40))`",
                    hint: Suggestion.nearest(to: name, among: known).map { "did you mean `\($0)`?" }
                        ?? "known are \(known.map { "`\($0)`" }.joined(separator: ", "))")
            }
            guard self[name] == nil else { throw DescriptionProblem(place, "has `\(name)` twice") }
            members.append((name, member.value))
        }
    }

    subscript(name: String) -> JSONValue? { members.first { $0.name.hasSameBytes(as: name) }?.value }

    func place(of name: String) -> String { place.isEmpty ? name : "\(place).\(name)" }

    func required(_ name: String) throws(DescriptionProblem) -> JSONValue {
        guard let value = self[name] else { throw DescriptionProblem(place, "lacks `\(name)`") }
        return value
    }

    /// - Parameter limit: bytes that it may have at most.
    func text(_ name: String, limit: Int) throws(DescriptionProblem) -> String? {
        guard let value = self[name] else { return nil }
        return try Self.text(value, at: place(of: name), limit: limit)
    }

    func requiredText(_ name: String, limit: Int) throws(DescriptionProblem) -> String {
        try Self.text(try required(name), at: place(of: name), limit: limit)
    }

    static func text(_ value: JSONValue, at place: String, limit: Int) throws(DescriptionProblem) -> String {
        guard let text = value.stringValue else { throw DescriptionProblem(place, "must be a string") }
        guard !value.hasLoneSurrogate else { throw DescriptionProblem(place, "has half a surrogate pair, which is no text") }
        guard !text.isEmpty else { throw DescriptionProblem(place, "must not be empty") }
        guard text.utf8.count <= limit else { throw DescriptionProblem(place, "is longer than \(limit) bytes") }
        return text
    }

    func flag(_ name: String) throws(DescriptionProblem) -> Bool {
        guard let value = self[name] else { return false }
        guard let flag = value.bool else { throw DescriptionProblem(place(of: name), "must be true or false") }
        return flag
    }

    func integer(_ name: String) throws(DescriptionProblem) -> Int64? {
        guard let value = self[name] else { return nil }
        guard let number = value.integer else { throw DescriptionProblem(place(of: name), "must be a whole number") }
        return number
    }

    func number(_ name: String) throws(DescriptionProblem) -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.double else { throw DescriptionProblem(place(of: name), "must be a number") }
        return number
    }

    /// What each element of an array is read as; empty without one.
    func list<Item>(
        _ name: String, most: Int, _ read: (JSONValue, String) throws(DescriptionProblem) -> Item
    ) throws(DescriptionProblem) -> [Item] {
        guard let value = self[name] else { return [] }
        let place = place(of: name)
        guard value.type == .array else { throw DescriptionProblem(place, "must be an array") }
        var items: [Item] = []
        for element in value.elements {
            guard items.count < most else { throw DescriptionProblem(place, "has more than \(most) elements") }
            items.append(try read(element, "\(place)[\(items.count)]"))
        }
        return items
    }
}

/// The names that descriptions give.
package enum DescribedName {
    /// Whether it is lower-case words joined by `_`, as names of transformers and options are.
    package static func isRight(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard let first = bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first), bytes.count <= 64 else { return false }
        // One `_` between two words, and none behind the last one.
        return bytes.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false).allSatisfy { word in
            !word.isEmpty
                && word.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                    default: false
                    }
                }
        }
    }

    static func check(_ name: String, at place: String) throws(DescriptionProblem) -> String {
        guard isRight(name) else {
            throw DescriptionProblem(
                place, "must be lower-case words joined by `_`, of at most 64 characters", hint: "for example `mask_fields`")
        }
        return name
    }
}
