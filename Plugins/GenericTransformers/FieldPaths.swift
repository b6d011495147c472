import PatchbayAPI
import PatchbayJSON

/// Fields named by their paths, as a tree that a record can be walked with.
struct FieldPaths: Sendable {
    struct Node: Sendable {
        let step: FieldPath.Step
        /// Of the tree's nodes, from 0.
        let number: Int
        /// Number of a path that leads here or further.
        let path: Int
        /// Number of the path that ends here; `nil` on the way to others.
        var end: Int?
        var children: [Node] = []
    }

    /// Where a path may have the index of an element.
    enum Indexes {
        /// Nowhere: the hint says what to do instead.
        case refused(hint: (_ array: String) -> String)
        /// On the way, but not at the end.
        case onTheWay
        case anywhere
    }

    let roots: [Node]
    /// As they were given.
    let paths: [FieldPath]
    let nodeCount: Int

    /// - Throws: when a path is none, is given twice, lies within another one, or has an index where none may be.
    init(_ texts: [String], option: String, indexes: Indexes) throws(OptionError) {
        guard !texts.isEmpty else {
            throw OptionError(option: option, message: "no field is named", hint: "name at least one")
        }
        var tree = Tree()
        for text in texts {
            let path = try Self.path(text, option: option)
            if let hint = Self.objection(to: path, indexes) {
                throw OptionError(
                    option: option, message: "`\(text)` names an element of an array, and only fields of objects can be named here",
                    hint: hint)
            }
            guard tree.add(path) else {
                throw OptionError(
                    option: option, message: "`\(text)` is named twice, or is inside another field that is named",
                    hint: "name each field once")
            }
        }
        roots = tree.roots
        paths = tree.paths
        nodeCount = tree.nodeCount
    }

    /// One path of an option.
    static func path(_ text: String, option: String) throws(OptionError) -> FieldPath {
        do throws(FieldPath.Invalid) {
            return try FieldPath(text)
        } catch {
            throw OptionError(option: option, message: "`\(text)` \(error.problem)", hint: error.hint)
        }
    }

    private static func objection(to path: FieldPath, _ indexes: Indexes) -> String? {
        let array = FieldPath.text(of: path.steps.prefix { if case .name = $0 { true } else { false } })
        switch indexes {
        case .anywhere: return nil
        case .onTheWay:
            guard case .index? = path.steps.last else { return nil }
            return array.isEmpty ? "name a field of the element: `\(path.text).name`" : "name the array, or a field of the element"
        case .refused(let hint): return path.hasIndex ? hint(array) : nil
        }
    }

    private struct Tree {
        var roots: [Node] = []
        var paths: [FieldPath] = []
        var nodeCount = 0

        mutating func add(_ path: FieldPath) -> Bool {
            var nodes = roots
            let isNew = add(path.steps[...], to: &nodes)
            roots = nodes
            paths.append(path)
            return isNew
        }

        private mutating func add(_ steps: ArraySlice<FieldPath.Step>, to nodes: inout [Node]) -> Bool {
            guard let step = steps.first else { return false }
            let rest = steps.dropFirst()
            if let index = nodes.firstIndex(where: { $0.step == step }) {
                guard nodes[index].end == nil, !rest.isEmpty else { return false }
                return add(rest, to: &nodes[index].children)
            }
            var node = Node(step: step, number: nodeCount, path: paths.count, end: rest.isEmpty ? paths.count : nil)
            nodeCount += 1
            if !rest.isEmpty { _ = add(rest, to: &node.children) }
            nodes.append(node)
            return true
        }
    }

    /// Index of the node of that name, without allocating.
    static func index(of member: JSONMember, in nodes: [Node]) -> Int? {
        for index in nodes.indices {
            if case .name(let name) = nodes[index].step, member.isNamed(name) { return index }
        }
        return nil
    }

    /// Index of the node of an array's element, without allocating.
    static func index(ofElement number: Int, in nodes: [Node]) -> Int? {
        for index in nodes.indices {
            if case .index(number) = nodes[index].step { return index }
        }
        return nil
    }

    /// Whether a root can be walked: an object, or an array whose elements are named.
    func canWalk(_ root: JSONValue) -> Bool {
        switch root.type {
        case .object: true
        case .array: roots.contains { if case .index = $0.step { true } else { false } }
        default: false
        }
    }
}

// MARK: Walking

extension FieldPaths {
    /// How a walk ended.
    enum Walk: Equatable {
        case done
        /// A name on the way to the path of this number occurs twice in one object, so that it isn't clear which one is meant.
        case twice(Int)
        /// The visitor wanted no more.
        case stopped
    }

    /// Visits every value that a path leads to, in the order of the text. Allocates nothing.
    ///
    /// - Parameters:
    ///   - met: for each node, whether it was met; reset here, and kept by the caller so that nothing is allocated.
    ///   - visit: takes the number of the path and its value; `false` stops the walk.
    func walk(_ root: JSONValue, met: inout [Bool], _ visit: (_ path: Int, _ value: JSONValue) -> Bool) -> Walk {
        for index in met.indices { met[index] = false }
        return Self.walk(root, roots, &met, visit)
    }

    private static func walk(_ value: JSONValue, _ nodes: [Node], _ met: inout [Bool], _ visit: (Int, JSONValue) -> Bool) -> Walk {
        switch value.type {
        case .object:
            for member in value.members {
                guard let index = index(of: member, in: nodes) else { continue }
                if met[nodes[index].number] { return .twice(nodes[index].path) }
                let walk = step(to: member.value, nodes[index], &met, visit)
                if walk != .done { return walk }
            }
        case .array:
            var number = 0
            for element in value.elements {
                if let index = index(ofElement: number, in: nodes) {
                    let walk = step(to: element, nodes[index], &met, visit)
                    if walk != .done { return walk }
                }
                number += 1
            }
        default: break
        }
        return .done
    }

    private static func step(to value: JSONValue, _ node: Node, _ met: inout [Bool], _ visit: (Int, JSONValue) -> Bool) -> Walk {
        met[node.number] = true
        guard let end = node.end else { return walk(value, node.children, &met, visit) }
        return visit(end, value) ? .done : .stopped
    }
}

// MARK: Keeping

extension FieldPaths {
    /// Appends an object with those of its fields that paths lead to, byte for byte and in their order, without its closing bracket.
    ///
    /// - Parameter visit: takes the number of each path that leads to a field.
    func appendKept(of object: JSONValue, to bytes: inout [UInt8], _ visit: (_ path: Int) -> Void = { _ in }) {
        Self.append(object, keeping: roots, to: &bytes, visit)
    }

    private static func append(_ object: JSONValue, keeping nodes: [Node], to bytes: inout [UInt8], _ visit: (Int) -> Void) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in object.members {
            guard let index = index(of: member, in: nodes) else { continue }
            let end = nodes[index].end
            // On the way to a field there can only be an object.
            if end == nil, member.value.type != .object { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            member.appendKey(to: &bytes)
            if let end {
                visit(end)
                bytes.append(contentsOf: member.value.text)
            } else {
                append(member.value, keeping: nodes[index].children, to: &bytes, visit)
                bytes.append(UInt8(ascii: "}"))
            }
        }
    }
}
