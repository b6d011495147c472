import PatchbayAPI
import PatchbayJSON

/// Gives fields of an object values: constants, other fields, and what the record has besides its value. Everything else is copied
/// byte for byte.
///
/// Thread: consumer.
public final class SetTransformer: Transformer {
    /// What is set.
    struct Rules: Sendable {
        let paths: FieldPaths
        /// By number of the path.
        let values: [SetValue]
        /// `"name":`, by number of the node; empty for elements of arrays.
        let keys: [[UInt8]]
        let usesKeyFields: Bool
        let missing: Missing
        let loneSurrogates: LoneSurrogates

        init(paths: FieldPaths, values: [SetValue], missing: Missing, loneSurrogates: LoneSurrogates) {
            self.paths = paths
            self.values = values
            self.missing = missing
            self.loneSurrogates = loneSurrogates
            usesKeyFields = values.contains(where: \.usesKeyFields)
            var keys = [[UInt8]](repeating: [], count: paths.nodeCount)
            Self.write(paths.roots, to: &keys)
            self.keys = keys
        }

        private static func write(_ nodes: [FieldPaths.Node], to keys: inout [[UInt8]]) {
            for node in nodes {
                if case .name(let name) = node.step { keys[node.number] = Array("\(JSONLiteral.quoted(name)):".utf8) }
                write(node.children, to: &keys)
            }
        }
    }

    /// What happens where a placeholder stands for nothing.
    enum Missing: String, CaseIterable, Sendable { case reject, skip, null }

    private let rules: Rules
    private var parser: JSONParser
    private var keyParser: JSONParser
    private var patch = RecordPatch()
    /// The values for the record in hand, one after the other, and where each of them is.
    private var values: [UInt8] = []
    private var ranges: [Range<Int>?]
    /// Which nodes of the paths the record in hand has.
    private var met: [Bool]

    init(_ rules: Rules) {
        self.rules = rules
        parser = JSONParser(limits: .records, loneSurrogates: rules.loneSurrogates)
        keyParser = JSONParser(limits: .records, loneSurrogates: rules.loneSurrogates)
        ranges = Array(repeating: nil, count: rules.paths.paths.count)
        met = Array(repeating: false, count: rules.paths.nodeCount)
    }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records { transform(record, topic: batch.topic, into: output) }
    }

    private enum Failure: Error {
        case notAnObject
        /// The key, of which fields are asked for, is no JSON.
        case key(JSONProblem)
        case placeholder(path: Int, SetValue.Problem)
        /// Of several members of one name it isn't clear which is meant.
        case twice(Int)
        /// Something on the way to the path isn't what the path wants.
        case blocked(Int, JSONType)
        /// An array has no such element.
        case noElement(Int)
    }

    private func transform(_ record: Record, topic: String, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        let result = parser.read(value) { root -> Failure? in
            do throws(Failure) {
                try set(root, of: record, topic: topic, original: value)
                return nil
            } catch {
                return error
            }
        }
        switch result {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(let failure?): output.reject(record, rejection(failure))
        case .success(nil): patch.bytes.withUnsafeBytes { output.emit(record, data: $0) }
        }
    }

    private func set(
        _ root: JSONValue, of record: Record, topic: String, original: UnsafeRawBufferPointer
    ) throws(Failure) {
        guard rules.paths.canWalk(root) else { throw .notAnObject }
        if rules.usesKeyFields, let key = record.key {
            let result = keyParser.read(key) { key -> Failure? in
                do throws(Failure) {
                    try readValues(SetValue.Source(record: record, topic: topic, value: root, key: key))
                    return nil
                } catch {
                    return error
                }
            }
            switch result {
            case .failure(let problem): throw .key(problem)
            case .success(let failure?): throw failure
            case .success(nil): break
            }
        } else {
            try readValues(SetValue.Source(record: record, topic: topic, value: root, key: nil))
        }
        patch.begin()
        for index in met.indices { met[index] = false }
        try write(rules.paths.roots, into: root, original)
        patch.finish(original)
    }

    /// All of them before the first is written: each sees the record as it came.
    private func readValues(_ source: SetValue.Source) throws(Failure) {
        values.removeAll(keepingCapacity: true)
        for index in ranges.indices {
            let start = values.count
            do throws(SetValue.Problem) {
                try rules.values[index].append(source, missingIsNull: rules.missing == .null, to: &values)
                ranges[index] = start..<values.count
            } catch {
                guard case .missing = error, rules.missing == .skip else { throw .placeholder(path: index, error) }
                values.removeSubrange(start...)
                ranges[index] = nil
            }
        }
    }

    /// Whether there is anything to set at a node or below it.
    private func isSet(_ node: FieldPaths.Node) -> Bool {
        if let end = node.end { return ranges[end] != nil }
        for index in node.children.indices where isSet(node.children[index]) { return true }
        return false
    }

    private func write(_ nodes: [FieldPaths.Node], into container: JSONValue, _ original: UnsafeRawBufferPointer) throws(Failure) {
        var lastEnd = container.range.lowerBound + 1
        var isEmpty = true
        if container.type == .object {
            for member in container.members {
                if let index = FieldPaths.index(of: member, in: nodes) {
                    if met[nodes[index].number] { throw .twice(nodes[index].path) }
                    try write(nodes[index], over: member.value, original)
                }
                lastEnd = member.range.upperBound
                isEmpty = false
            }
        } else {
            var number = 0
            for element in container.elements {
                if let index = FieldPaths.index(ofElement: number, in: nodes) { try write(nodes[index], over: element, original) }
                number += 1
            }
        }
        for index in nodes.indices where !met[nodes[index].number] && isSet(nodes[index]) {
            switch (nodes[index].step, container.type) {
            case (.name, .object):
                patch.copy(original, upTo: lastEnd)
                if !isEmpty { patch.append(UInt8(ascii: ",")) }
                isEmpty = false
                try add(nodes[index])
            case (.index, .array): throw .noElement(nodes[index].path)
            default: throw .blocked(nodes[index].path, container.type)
            }
        }
    }

    private func write(_ node: FieldPaths.Node, over value: JSONValue, _ original: UnsafeRawBufferPointer) throws(Failure) {
        met[node.number] = true
        guard let end = node.end else {
            switch value.type {
            case .object, .array: return try write(node.children, into: value, original)
            default:
                if isSet(node) { throw .blocked(node.path, value.type) }
                return
            }
        }
        guard let range = ranges[end] else { return }
        values.withUnsafeBytes { patch.replace(value.range, of: original, with: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// A member that the record doesn't have yet, with all that is to be set below it.
    private func add(_ node: FieldPaths.Node) throws(Failure) {
        guard case .name = node.step else { throw .noElement(node.path) }
        patch.append(rules.keys[node.number])
        if let end = node.end {
            guard let range = ranges[end] else { return }
            values.withUnsafeBytes { patch.append(UnsafeRawBufferPointer(rebasing: $0[range])) }
            return
        }
        patch.append(UInt8(ascii: "{"))
        var isFirst = true
        for index in node.children.indices where isSet(node.children[index]) {
            if !isFirst { patch.append(UInt8(ascii: ",")) }
            isFirst = false
            try add(node.children[index])
        }
        patch.append(UInt8(ascii: "}"))
    }

    @inline(never)
    private func rejection(_ failure: Failure) -> Rejection {
        func path(_ number: Int) -> FieldPath { rules.paths.paths[number] }
        switch failure {
        case .notAnObject: return .notAnObject
        case .twice(let number): return .twice(path(number))
        case .key(let problem): return .unreadableKey(problem)
        case .placeholder(let number, .missing(let part)):
            return Rejection(
                code: "missing_field", field: part.name,
                explanation: "the record has no `\(part.name)`, which `\(path(number).text)` is to be made of")
        case .placeholder(let number, .unfit(let part, let reason)):
            return Rejection(
                code: "wrong_type", field: part.name,
                explanation: "`\(part.name)` \(reason), so `\(path(number).text)` can't be made of it")
        case .blocked(let number, let type):
            return Rejection(
                code: "wrong_type", field: path(number).text,
                explanation: "`\(path(number).text)` can't be set, since something on the way to it is \(type.phrase)")
        case .noElement(let number):
            return Rejection(
                code: "missing_field", field: path(number).text,
                explanation: "`\(path(number).text)` can't be set, since there is no such element, and `set` adds none to arrays")
        }
    }
}
