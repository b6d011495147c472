import GenericTransformers
import PatchbayConfig
import PatchbayJSON

/// Finds out that lines don't have a field that a condition asks for: such a condition waits in silence for what never comes.
///
/// Thread: one. A class, since a parser can't be copied.
final class MissingFields {
    /// Lines after which a field that was on none of them is told. Fields of the line itself are the same on nearly all; deeper
    /// ones may be on some records only.
    private static let (enoughOutside, enoughInside) = (5, 20)
    /// Names listed at most.
    private static let longestList = 12

    /// Fields that no line had so far.
    private var paths: [[String]]
    private let inner: String
    private var lines = 0
    private var parser = JSONParser(limits: JSONLimits(maximumBytes: 128 << 20))

    /// - Parameter inner: the member of a line that holds what people look for.
    init(_ fields: FilterFields, inner: String) {
        paths = fields.paths
        self.inner = inner
    }

    /// What is to be told after this line, once for each field.
    func look(at line: String) -> String? {
        guard !paths.isEmpty else { return nil }
        lines += 1
        var sentences: [String] = []
        var left: [[String]] = []
        let (paths, lines, inner) = (paths, lines, inner)
        var line = line
        let outcome = line.withUTF8 { bytes in
            parser.read(UnsafeRawBufferPointer(bytes)) { root in
                for path in paths {
                    let depth = Self.depth(of: path, in: root)
                    if depth == path.count { continue }
                    guard lines >= (depth == 0 ? Self.enoughOutside : Self.enoughInside) else {
                        left.append(path)
                        continue
                    }
                    sentences.append(Self.sentence(path, depth, root, lines: lines, inner: inner))
                }
            }
        }
        // A line that can't be read says nothing about fields.
        if case .success = outcome { self.paths = left }
        return sentences.isEmpty ? nil : sentences.joined(separator: "; ")
    }

    /// How many names of the path lead to something.
    private static func depth(of path: [String], in root: JSONValue) -> Int {
        var value = root
        for (index, name) in path.enumerated() {
            guard value.type == .object, let next = value[name] else { return index }
            value = next
        }
        return path.count
    }

    private static func sentence(_ path: [String], _ depth: Int, _ root: JSONValue, lines: Int, inner: String) -> String {
        var value = root
        for name in path.prefix(depth) { value = value[name] ?? value }
        let place = path.prefix(depth).map { "." + $0 }.joined()
        let field = path.prefix(depth + 1).map { "." + $0 }.joined()
        var text = "--where asks for `\(field)`, which none of the first \(lines) lines has"
        if depth == 0, let name = path.first, let below = root[inner], below.type == .object, below[name] != nil {
            return text + "; did you mean `.\(inner)\(path.map { "." + $0 }.joined())`?"
        }
        guard value.type == .object else { return text }
        let names = value.members.map { $0.nameString }
        text += "; \(depth == 0 ? "their fields are" : "`\(place)` has") "
        text += names.isEmpty ? "nothing" : names.prefix(longestList).map { "`\(place).\(DisplayText.plain($0))`" }.joined(separator: ", ")
        return text + (names.count > longestList ? " and more" : "")
    }
}
