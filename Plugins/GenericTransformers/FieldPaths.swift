import PatchbayAPI
import PatchbayJSON

/// Fields named by their paths, such as `outer.inner`, as a tree that an object can be walked with.
struct FieldPaths: Sendable {
    struct Node: Sendable {
        let name: String
        /// Number of the path that ends here; `nil` on the way to others.
        var end: Int?
        var children: [Node] = []
    }

    let roots: [Node]
    /// As they were given.
    let texts: [String]

    /// - Throws: when a path is empty, given twice, or lies within another one.
    init(_ texts: [String], option: String) throws(OptionError) {
        guard !texts.isEmpty else {
            throw OptionError(option: option, message: "no field is named", hint: "name at least one")
        }
        var roots: [Node] = []
        for (number, text) in texts.enumerated() {
            let names = text.pathNames
            guard names.allSatisfy({ !$0.isEmpty }) else {
                throw OptionError(
                    option: option, message: "`\(text)` names no field", hint: "write `name`, or `outer.inner`")
            }
            if let name = names.first(where: Self.isIndexed) {
                let list = name.prefix { $0 != "[" }
                throw OptionError(
                    option: option, message: "`\(text)` points into a list, and only fields of objects can be named",
                    hint: list.isEmpty ? "name the field that holds the list" : "name the list as a whole: `\(list)`")
            }
            guard names.count <= 64 else {
                throw OptionError(option: option, message: "`\(text)` is more than 64 levels deep")
            }
            guard Self.add(names[...], number: number, to: &roots) else {
                throw OptionError(
                    option: option, message: "`\(text)` is named twice, or is inside another field that is named",
                    hint: "name each field once")
            }
        }
        self.roots = roots
        self.texts = texts
    }

    /// Such as `values[0]` or `values[]`: jq's way into a list, and hardly ever a field's name.
    private static func isIndexed(_ name: String) -> Bool {
        guard name.hasSuffix("]"), let bracket = name.lastIndex(of: "[") else { return false }
        return name[bracket...].dropFirst().dropLast().utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2A || $0 == 0x2D }
    }

    private static func add(_ names: ArraySlice<String>, number: Int, to nodes: inout [Node]) -> Bool {
        guard let name = names.first else { return false }
        let rest = names.dropFirst()
        if let index = nodes.firstIndex(where: { $0.name.hasSameBytes(as: name) }) {
            guard nodes[index].end == nil, !rest.isEmpty else { return false }
            return add(rest, number: number, to: &nodes[index].children)
        }
        var node = Node(name: name, end: rest.isEmpty ? number : nil)
        if !rest.isEmpty { _ = add(rest, number: number, to: &node.children) }
        nodes.append(node)
        return true
    }

    /// Index of the node of that name, without allocating.
    static func index(of member: JSONMember, in nodes: [Node]) -> Int? {
        for index in nodes.indices where member.isNamed(nodes[index].name) { return index }
        return nil
    }
}
