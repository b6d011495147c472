import PatchbayAPI
import PatchbayJSON

/// Gives fields of an object new names; values are copied byte for byte, and the order stays.
///
/// Thread: consumer.
public final class RenameTransformer: Transformer {
    /// Old names by path, with what is written in place of each.
    struct Names: Sendable {
        let paths: FieldPaths
        let newNames: [String]
        /// `"new":`, by number of the path.
        let newKeys: [[UInt8]]
    }

    private let names: Names
    private var parser: JSONParser
    private var bytes: [UInt8] = []

    init(_ names: Names, loneSurrogates: LoneSurrogates) {
        self.names = names
        parser = JSONParser(limits: .records, loneSurrogates: loneSurrogates)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, into: output) }
    }

    private enum Outcome { case done, notAnObject, taken(Int) }

    private func transform(_ record: Record, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let result = parser.read(value) { root -> Outcome in
            guard names.paths.canWalk(root) else { return .notAnObject }
            bytes.removeAll(keepingCapacity: true)
            let taken =
                root.type == .array
                ? appendElements(of: root, renaming: names.paths.roots) : append(root, renaming: names.paths.roots)
            return taken.map(Outcome.taken) ?? .done
        }
        switch result {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(.notAnObject): output.reject(record, .notAnObject)
        case .success(.taken(let number)): output.reject(record, taken(number))
        case .success(.done): bytes.withUnsafeBytes { output.emit(record, data: $0) }
        }
    }

    /// - Returns: the number of a path whose new name the object has already.
    private func append(_ object: JSONValue, renaming nodes: [FieldPaths.Node]) -> Int? {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in object.members {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            let index = FieldPaths.index(of: member, in: nodes)
            if let end = index.flatMap({ nodes[$0].end }) {
                if hasMember(object, named: names.newNames[end], outside: nodes) { return end }
                bytes.append(contentsOf: names.newKeys[end])
                bytes.append(contentsOf: member.value.text)
                continue
            }
            member.appendKey(to: &bytes)
            if let index, member.value.type == .object {
                if let taken = append(member.value, renaming: nodes[index].children) { return taken }
            } else if let index, member.value.type == .array {
                if let taken = appendElements(of: member.value, renaming: nodes[index].children) { return taken }
            } else {
                bytes.append(contentsOf: member.value.text)
            }
        }
        bytes.append(UInt8(ascii: "}"))
        return nil
    }

    private func appendElements(of array: JSONValue, renaming nodes: [FieldPaths.Node]) -> Int? {
        bytes.append(UInt8(ascii: "["))
        var number = 0
        for element in array.elements {
            if number > 0 { bytes.append(UInt8(ascii: ",")) }
            let children = FieldPaths.index(ofElement: number, in: nodes).map { nodes[$0].children }
            number += 1
            switch (element.type, children) {
            case (.object, let children?): if let taken = append(element, renaming: children) { return taken }
            case (.array, let children?): if let taken = appendElements(of: element, renaming: children) { return taken }
            default: bytes.append(contentsOf: element.text)
            }
        }
        bytes.append(UInt8(ascii: "]"))
        return nil
    }

    /// Whether a member has that name and keeps it.
    private func hasMember(_ object: JSONValue, named name: String, outside nodes: [FieldPaths.Node]) -> Bool {
        for member in object.members where member.isNamed(name) {
            guard let index = FieldPaths.index(of: member, in: nodes), nodes[index].end != nil else { return true }
        }
        return false
    }

    @inline(never)
    private func taken(_ number: Int) -> Rejection {
        Rejection(
            code: "duplicate_field", field: names.paths.paths[number].text,
            explanation: "`\(names.paths.paths[number].text)` can't become `\(names.newNames[number])`: there is a field of that name")
    }
}
