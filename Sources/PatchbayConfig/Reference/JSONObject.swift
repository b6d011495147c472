/// A JSON object whose names keep their order, so that what is generated stays the same from run to run.
struct JSONObject: Sendable, ExpressibleByDictionaryLiteral {
    struct Member: Sendable {
        let name: String
        var value: JSONTree
    }

    private(set) var members: [Member] = []

    init() {}

    /// Names that are known to differ, without looking for each among those before it.
    init(distinct members: [Member]) { self.members = members }

    init(dictionaryLiteral elements: (String, JSONTree)...) {
        members = elements.map { Member(name: $0.0, value: $0.1) }
    }

    /// A new name comes last; `nil` changes nothing.
    subscript(name: String) -> JSONTree? {
        get { members.first { $0.name == name }?.value }
        set {
            guard let newValue else { return }
            if let index = members.firstIndex(where: { $0.name == name }) {
                members[index].value = newValue
            } else {
                members.append(Member(name: name, value: newValue))
            }
        }
    }

    static func + (left: JSONObject, right: JSONObject) -> JSONObject {
        var result = left
        for member in right.members { result[member.name] = member.value }
        return result
    }

    static func += (left: inout JSONObject, right: JSONObject) { left = left + right }
}
