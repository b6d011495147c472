import PatchbayAPI

/// Builds the tree of one file from libyaml's events. Iterative, so that no nesting can exhaust the stack, and bounded by
/// `YAMLLimits`, so that no alias can exhaust memory or time later.
package struct YAMLComposer {
    private let source: SourceText
    private let limits: YAMLLimits
    private let isIncluded: Bool
    private let findings: Findings

    private var stack: [OpenCollection] = []
    private var root: YAMLNode?
    private var anchors: [String: YAMLNode] = [:]
    private var openAnchors: [String: Int] = [:]
    private var nodes = 0
    private var hasAliases = false
    private var isCutShort = false

    /// A mapping or list whose end hasn't come yet.
    private struct OpenCollection {
        let isMapping: Bool
        let position: SourcePosition
        let anchor: String?
        let isValid: Bool
        var items: [YAMLNode] = []
        var entries: [YAMLNode.Entry] = []
        var key: YAMLNode?
        var expandedNodes = 1
        var expandedBytes = 0
        var height = 0
    }

    /// A finding after which reading on makes no sense.
    private struct Stop: Error {
        let message: String
        let position: SourcePosition
        let hint: String?
        /// Whether what was read before it is worth a look. Not beyond a limit.
        var leavesRest = false
    }

    /// What a hint ends with when the rest of the file wasn't looked at.
    static let unseen = "more may be found once this is fixed"

    /// The root of the file; `nil` when it has none, and then a finding says why: an error, or a warning when an included
    /// file is empty, as one is whose routes are all commented out.
    ///
    /// - Parameter rest: gets what was read in front of a mistake that ends the reading, without what the mistake may have cut off.
    package static func compose(
        _ source: SourceText, limits: YAMLLimits, isIncluded: Bool = false, findings: Findings, rest: (YAMLNode) -> Void = { _ in }
    ) -> YAMLNode? {
        findings.add(source: source)
        let start = SourcePosition(file: source.file, line: 1, column: 1)
        if let defect = source.firstDefect() {
            Self.report(defect, in: source, to: findings)
            return nil
        }
        guard !source.bytes.isEmpty else {
            reportEmpty(source, isIncluded: isIncluded, findings)
            return nil
        }
        let composed = YAMLEventReader.events(of: source.bytes) { reader -> YAMLNode? in
            var composer = YAMLComposer(source: source, limits: limits, isIncluded: isIncluded, findings: findings)
            if let root = composer.root(from: &reader) { return root }
            if composer.isCutShort, let part = composer.completePart() { rest(part) }
            return nil
        }
        guard let composed else {
            findings.add("there is no memory left to read the file", at: start)
            return nil
        }
        return composed
    }

    private static func reportEmpty(_ source: SourceText, isIncluded: Bool, _ findings: Findings) {
        let start = SourcePosition(file: source.file, line: 1, column: 1)
        if isIncluded {
            findings.add("the file is empty", at: start, hint: "add routes, or leave the file out", severity: .warning)
        } else {
            findings.add("the file is empty", at: start, hint: "start with `version: 1` and at least one route")
        }
    }

    private init(source: SourceText, limits: YAMLLimits, isIncluded: Bool, findings: Findings) {
        self.source = source
        self.limits = limits
        self.isIncluded = isIncluded
        self.findings = findings
    }

    private mutating func root(from reader: inout YAMLEventReader) -> YAMLNode? {
        do {
            return try run(&reader)
        } catch let stop as Stop {
            isCutShort = stop.leavesRest
            findings.add(stop.message, at: stop.position, hint: stop.leavesRest ? Self.withUnseen(stop.hint) : stop.hint)
        } catch let error as YAMLSyntaxError {
            isCutShort = true
            report(error)
        } catch {
            findings.add("the file can't be read: \(error)", at: nil)
        }
        return nil
    }

    private mutating func run(_ reader: inout YAMLEventReader) throws -> YAMLNode? {
        var documents = 0
        while true {
            let event = try reader.next()
            switch event.kind {
            case .other: continue
            case .streamEnd:
                guard let root, !(root.isNull && root.scalar?.text.isEmpty == true) else {
                    Self.reportEmpty(source, isIncluded: isIncluded, findings)
                    return nil
                }
                return root
            case .documentStart:
                documents += 1
                if documents > 1 {
                    throw Stop(
                        message: "a second document starts here; a configuration is one document",
                        position: position(event.start), hint: "remove the `---`, or move what follows to a file of its own",
                        leavesRest: true)
                }
            case .alias(let name): try alias(name, event)
            case .scalar(let text, let style): try scalar(text, style, event)
            case .sequenceStart: try open(event, isMapping: false)
            case .mappingStart: try open(event, isMapping: true)
            case .collectionEnd: try close(event)
            }
        }
    }

    // MARK: Events

    private mutating func scalar(_ text: String, _ style: YAMLScalar.Style, _ event: YAMLEvent) throws {
        let place = position(event.start)
        var content = YAMLNode.Content.scalar(YAMLScalar(text: text, style: style))
        switch event.tag {
        case nil: break
        case "!", "tag:yaml.org,2002:str": content = .scalar(YAMLScalar(text: text, style: .quoted))
        case "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null":
            content = .scalar(YAMLScalar(text: text, style: .plain))
        case let tag?:
            reportTag(tag, at: place)
            content = .invalid
        }
        if text.utf8.contains(0) {
            findings.add("the text contains a NUL character (`\\0`)", at: place, hint: "remove it")
            content = .invalid
        }
        // A block scalar ends where the next line begins.
        let last = event.end.column == 0 && event.end.line > event.start.line ? event.end.line : event.end.line + 1
        let node = YAMLNode(content, position: place, endLine: last, expandedBytes: text.utf8.count)
        try finish(node, anchor: event.anchor)
    }

    private mutating func alias(_ name: String, _ event: YAMLEvent) throws {
        let place = position(event.start)
        if let node = anchors[name] {
            hasAliases = true
            if stack.count + node.height > limits.depth { throw tooDeep(place) }
            return try attach(node, at: place)
        }
        if openAnchors[name, default: 0] > 0 {
            findings.add(
                "alias \(DisplayText.quoted("*" + name)) is inside the value it refers to", at: place,
                hint: "a value can't contain itself; write out what is meant")
        } else {
            // Sorting very many for every slip would take its time; so many anchors are not written by people.
            let known = anchors.count <= 200 ? anchors.keys.sorted() : []
            let hint =
                Suggestion.nearest(to: name, among: known).map { "did you mean `*\($0)`?" }
                ?? "define it above as `&\(DisplayText.plain(name))`, or put text that starts with `*` in quotes"
            findings.add("alias \(DisplayText.quoted("*" + name)) refers to nothing", at: place, hint: hint)
        }
        try attach(YAMLNode(.invalid, position: place, endLine: place.line), at: place)
    }

    private mutating func open(_ event: YAMLEvent, isMapping: Bool) throws {
        let place = position(event.start)
        guard stack.count < limits.depth else { throw tooDeep(place) }
        var isValid = true
        let standard = isMapping ? "tag:yaml.org,2002:map" : "tag:yaml.org,2002:seq"
        if let tag = event.tag, tag != "!", tag != standard {
            reportTag(tag, at: place)
            isValid = false
        }
        if let anchor = event.anchor {
            anchors[anchor] = nil
            openAnchors[anchor, default: 0] += 1
        }
        stack.append(OpenCollection(isMapping: isMapping, position: place, anchor: event.anchor, isValid: isValid))
    }

    private mutating func close(_ event: YAMLEvent) throws {
        guard let collection = stack.popLast() else { return }
        if let anchor = collection.anchor { openAnchors[anchor, default: 1] -= 1 }
        let content: YAMLNode.Content =
            !collection.isValid ? .invalid : collection.isMapping ? .mapping(collection.entries) : .sequence(collection.items)
        if collection.isMapping { reportDuplicates(collection.entries) }
        let node = YAMLNode(
            content, position: collection.position, endLine: event.end.line + 1,
            expandedNodes: collection.expandedNodes, expandedBytes: collection.expandedBytes, height: collection.height + 1)
        try finish(node, anchor: collection.anchor)
    }

    private mutating func finish(_ node: YAMLNode, anchor: String?) throws {
        nodes += 1
        if nodes > limits.nodes { throw tooManyValues(node.position) }
        if let anchor { anchors[anchor] = node }
        try attach(node, at: node.position)
    }

    private mutating func attach(_ node: YAMLNode, at place: SourcePosition) throws {
        guard var parent = stack.popLast() else {
            root = node
            return
        }
        parent.expandedNodes += node.expandedNodes
        parent.expandedBytes += node.expandedBytes
        parent.height = max(parent.height, node.height)
        if parent.expandedNodes > limits.expandedNodes {
            guard hasAliases else { throw tooManyValues(place) }
            throw Stop(
                message: "with its aliases written out, the file holds more than \(limits.expandedNodes) values",
                position: place, hint: "use fewer aliases to lists and mappings that hold aliases themselves")
        }
        if parent.expandedBytes > limits.expandedBytes {
            throw Stop(
                message: "with its aliases written out, the file is larger than \(Quantity.size(Int64(limits.expandedBytes)))",
                position: place, hint: "use fewer aliases to long texts")
        }
        if !parent.isMapping {
            parent.items.append(node)
        } else if let key = parent.key {
            parent.key = nil
            // A key that is no text was reported when it came; its value has no name to be decoded under.
            if !key.isInvalid { parent.entries.append(YAMLNode.Entry(key: key, value: node)) }
        } else {
            parent.key = checkedKey(node, at: place)
        }
        stack.append(parent)
    }

    private func checkedKey(_ node: YAMLNode, at place: SourcePosition) -> YAMLNode {
        if node.isInvalid { return node }
        guard let scalar = node.scalar else {
            findings.add("a key must be text, found a list or mapping", at: place, hint: "put text with `[` or `{` in quotes")
            return YAMLNode(.invalid, position: place, endLine: place.line)
        }
        if scalar.text.isEmpty {
            findings.add("a key is empty", at: place, hint: "write the key's name before the `:`")
            return YAMLNode(.invalid, position: place, endLine: place.line)
        }
        if scalar.text.utf8.count > limits.keyBytes {
            findings.add("a key is longer than \(limits.keyBytes) bytes", at: place, hint: "check the quotes around it")
            return YAMLNode(.invalid, position: place, endLine: place.line)
        }
        // An alias as a key stands here, not where its anchor is.
        return node.position == place ? node : YAMLNode(node.content, position: place, endLine: place.line)
    }

    private func reportDuplicates(_ entries: [YAMLNode.Entry]) {
        guard entries.count > 1 else { return }
        // Most mappings are small, and then comparing is cheaper than hashing.
        if entries.count <= 16 && !hasTwins(entries) { return }
        var first: [ByteString: SourcePosition] = [:]
        for entry in entries {
            guard let name = entry.key.scalar.map({ ByteString($0.text) }) else { continue }
            guard let earlier = first[name] else {
                first[name] = entry.key.position
                continue
            }
            findings.add(
                "key \(DisplayText.quoted(name.string)) is given twice: first at line \(earlier.line), column \(earlier.column)",
                at: entry.key.position, hint: "remove one of them")
        }
    }

    private func hasTwins(_ entries: [YAMLNode.Entry]) -> Bool {
        for (index, entry) in entries.enumerated() {
            guard let name = entry.key.scalar?.text else { continue }
            if entries[..<index].contains(where: { $0.key.scalar?.text.hasSameBytes(as: name) == true }) { return true }
        }
        return false
    }

    // MARK: Reports

    private func position(_ mark: YAMLMark) -> SourcePosition {
        SourcePosition(file: source.file, line: mark.line + 1, column: mark.column + 1)
    }

    private func tooManyValues(_ place: SourcePosition) -> Stop {
        Stop(
            message: "the file holds more than \(limits.nodes) values", position: place,
            hint: "a configuration is text written by people; check that this is the right file")
    }

    private func tooDeep(_ place: SourcePosition) -> Stop {
        Stop(
            message: "values are nested more than \(limits.depth) levels deep", position: place,
            hint: "no setting needs that; check the brackets and the indentation")
    }

    private func reportTag(_ tag: String, at place: SourcePosition) {
        findings.add(
            "tag \(DisplayText.quoted(tag)) is not supported", at: place, hint: "remove it, or put text that starts with `!` in quotes")
    }

    private func report(_ error: YAMLSyntaxError) {
        // Text that never ends is found at the end of the file; the mistake is where it began.
        let isUnclosed = error.problem == "found unexpected end of stream" && error.context != nil
        let place = position(isUnclosed ? error.contextMark : error.mark)
        let line = source.lines([place.line])[place.line] ?? ""
        let character = line.unicodeScalars.dropFirst(place.column - 1).first.map(Character.init)
        let explanation = SyntaxExplanation(error, line: line, character: character)
        findings.add(explanation.message, at: place, hint: Self.withUnseen(explanation.hint))
    }

    private static func withUnseen(_ hint: String?) -> String { hint.map { "\($0); \(unseen)" } ?? unseen }

    /// What is surely as it is meant: without the value in front of the mistake, which may go on behind it, and without
    /// mappings that are not closed, since they may lack keys. Those at the top and right below it are kept: none of their keys
    /// must be there, but for `version`.
    private func completePart() -> YAMLNode? {
        if let root { return root }
        var inner: YAMLNode?
        for (level, collection) in stack.enumerated().reversed() {
            var (items, entries) = (collection.items, collection.entries)
            if level == stack.count - 1 {
                // Its last value may have been closed by the mistake; a key that has no value yet was not added.
                if collection.isMapping, collection.key == nil { entries = entries.dropLast() }
                if !collection.isMapping { items = items.dropLast() }
            } else if let inner {
                if let key = collection.key, !key.isInvalid { entries.append(YAMLNode.Entry(key: key, value: inner)) }
            }
            inner = nil
            guard collection.isValid, level <= 1, level == 0 || !(items.isEmpty && entries.isEmpty) else { continue }
            inner = YAMLNode(
                collection.isMapping ? .mapping(entries) : .sequence(items), position: collection.position,
                endLine: collection.position.line, expandedNodes: collection.expandedNodes, expandedBytes: collection.expandedBytes,
                height: collection.height + 1)
        }
        return inner
    }

    private static func report(_ defect: SourceText.Defect, in source: SourceText, to findings: Findings) {
        let place = source.position(ofByte: defect.byteOffset)
        if let scalar = defect.scalar {
            findings.add("the character \(DisplayText.code(scalar)) is not allowed in a YAML file", at: place, hint: "remove it")
            return
        }
        let isUTF16 = source.bytes.starts(with: [0xFF, 0xFE]) || source.bytes.starts(with: [0xFE, 0xFF])
        findings.add(
            "the file is not UTF-8", at: place,
            hint: isUTF16 ? "it looks like UTF-16; save it as UTF-8" : "save it as UTF-8")
    }
}
