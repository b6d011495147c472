import PatchbayAPI

/// Checks a tree against declared fields and reports everything that doesn't fit.
///
/// Recursion is bounded by `YAMLLimits.depth` and by the nesting of the declarations.
struct FieldDecoder {
    private let environment: [String: String]
    private let interpolation: Interpolation
    private let hidesVariables: Bool
    let findings: Findings
    /// What to do about keys of the top level that are known in another file, by key.
    var misplaced: [String: String] = [:]
    /// What the items of a list count from, by the list's path; lists that go on in another file count on.
    var firstIndexes: [String: Int] = [:]

    /// - Parameter hidesVariables: whether what comes of `${NAME}` is as secret as what comes of `${file:…}`.
    init(environment: [String: String], files: LoadedFiles, hidesVariables: Bool = false, findings: Findings) {
        self.environment = environment
        self.hidesVariables = hidesVariables
        self.interpolation = Interpolation(environment: environment, files: files, hidesVariables: hidesVariables)
        self.findings = findings
    }

    // MARK: Objects

    /// A mapping against `fields`. `node` is `nil` when the file doesn't have it: defaults and environment still count.
    ///
    /// - Parameter place: where to report a missing key when there is no mapping.
    func object(
        _ node: YAMLNode?, fields: [Field], subject: Subject?, missingAt place: SourcePosition? = nil
    ) -> DecodedObject {
        var object = DecodedObject(position: node?.position ?? place)
        var given = [DecodedValue?](repeating: nil, count: fields.count)
        for entry in node?.entries ?? [] {
            guard let key = entry.key.scalar?.text else { continue }
            guard let index = fields.firstIndex(where: { $0.name.hasSameBytes(as: key) }) else {
                // What is misspelt is not missing as well: one mistake, one finding.
                if let meant = reportUnknown(key, entry, fields: fields, isTopLevel: subject == nil) { object.fail(meant) }
                continue
            }
            // A key given twice was reported as such; the second value is checked all the same.
            let isFirst = object.keys[key] == nil
            object.note(key: key, at: entry.key.position)
            let value = value(entry.value, kind: fields[index].kind, subject: Subject(fields[index], in: subject))
            if isFirst { given[index] = value }
            if value == nil { object.fail(key) }
        }
        for (index, field) in fields.enumerated() {
            if let variable = field.environmentVariable, let text = environment[variable], !text.isEmpty {
                if let value = fromEnvironment(
                    text, variable: variable, kind: field.kind, subject: Subject(field, in: subject))
                {
                    object.add(value)
                    continue
                }
                object.fail(field.name)
            }
            if let value = given[index] ?? absent(field, parent: subject, in: object) { object.add(value) }
        }
        return object
    }

    /// The value of a field that is not given, or was given wrongly.
    private func absent(_ field: Field, parent: Subject?, in object: DecodedObject) -> DecodedValue? {
        if let fallback = field.defaultValue {
            let subject = Subject(field, in: parent)
            return DecodedValue(content: Self.content(fallback, subject), source: .defaultValue, subject: subject)
        }
        if field.isRequired && object.keys[field.name] == nil && !object.failed.contains(field.name) {
            findings.add(
                "\(DisplayText.quoted(field.name)) is missing", at: object.position,
                hint: Subject(field, in: parent).exampleLine ?? "add `\(field.name): …`")
        }
        switch field.kind {
        case .object(let fields) where object.keys[field.name] == nil:
            let subject = Subject(field, in: parent)
            let inner = self.object(nil, fields: fields, subject: subject)
            return DecodedValue(content: .object(inner), source: .defaultValue, subject: subject)
        default: return nil
        }
    }

    private static func content(_ value: ConfigValue, _ subject: Subject) -> DecodedValue.Content {
        guard case .list(let items) = value else { return .value(value) }
        return .list(
            items.enumerated().map { index, item in
                DecodedValue(content: content(item, subject), source: .defaultValue, subject: subject.item(index))
            })
    }

    /// - Returns: the key that was probably meant.
    private func reportUnknown(
        _ key: String, _ entry: YAMLNode.Entry, fields: [Field], isTopLevel: Bool
    ) -> String? {
        let place = entry.key.position
        if SecretNames.contains(key) { findings.withhold(entry.value) }
        guard !findings.isFull else {
            findings.add("unknown key", at: place)
            return nil
        }
        if isTopLevel, let hint = misplaced[key] {
            findings.add("\(DisplayText.quoted(key)) can't be set here", at: place, hint: hint)
            return nil
        }
        let names = fields.map(\.name)
        let near = Suggestion.nearest(to: key, among: names)
        let hint: String
        if key == "<<" {
            hint = "merge keys are not supported; write the keys out, or share whole values with aliases"
        } else if let near {
            if fields.contains(where: { $0.name == near && $0.isSecret }) { findings.withhold(entry.value) }
            hint = "did you mean `\(near)`?"
        } else if let home = fields.first(where: { $0.holds(key) }) {
            hint = "`\(DisplayText.plain(key))` belongs under `\(home.name)`"
        } else if names.isEmpty {
            hint = "no keys are allowed here"
        } else {
            hint = "allowed keys: \(DisplayText.list(names))"
        }
        findings.add("unknown key \(DisplayText.quoted(key))", at: place, hint: hint)
        return near
    }

    // MARK: Values of the file

    /// A value of `kind`; `nil` when it is wrong, and then it was reported.
    func value(_ node: YAMLNode, kind: FieldKind, subject: Subject) -> DecodedValue? {
        if subject.isSecret { findings.withhold(node) }
        if node.isInvalid { return nil }
        let source = ValueSource.file(node.position)
        func decoded(_ content: DecodedValue.Content) -> DecodedValue {
            DecodedValue(content: content, source: source, subject: subject)
        }
        switch kind {
        case .any:
            // Replaced later, when the tree is read.
            let subject = hidesVariables && node.namesAnything ? subject.hidden : subject
            return DecodedValue(content: .tree(node), source: source, subject: subject)
        case .json:
            var json = TestInput(decoder: self, findings: findings, subject: subject)
            guard let text = json.json(of: node) else { return nil }
            return DecodedValue(content: .value(.json(text)), source: source, subject: json.isSensitive ? subject.hidden : subject)
        case .object(let fields):
            guard node.entries != nil || node.isNull else { return mismatch(node, kind, subject) }
            return decoded(.object(object(node, fields: fields, subject: subject)))
        case .dictionary(let kind):
            guard node.entries != nil || node.isNull else { return mismatch(node, .dictionary(kind), subject) }
            return decoded(.dictionary(dictionary(node.entries ?? [], kind: kind, subject: subject)))
        case .list(let itemKind, let minimumCount):
            if let items = node.items, items.count < minimumCount {
                // A wrong file is wrong even where the variable overrides it.
                let other = subject.variable.map { "; or leave `\(subject.name)` out and set \($0)" } ?? ""
                findings.add(
                    tooFew(minimumCount), found: nil, about: subject, from: source, hint: subject.exampleLine.map { $0 + other })
                return nil
            }
            return list(node, itemKind: itemKind, subject: subject).map { decoded(.list($0)) }
        default:
            guard let scalar = node.scalar else { return mismatch(node, kind, subject) }
            return self.scalar(scalar, kind: kind, subject: subject, source: source)
        }
    }

    /// Every entry that is right; the others were reported.
    private func dictionary(_ entries: [YAMLNode.Entry], kind: FieldKind, subject: Subject) -> [DecodedEntry] {
        var seen: Set<ByteString> = []
        return entries.compactMap { entry in
            guard let name = entry.key.scalar?.text,
                let value = value(entry.value, kind: kind, subject: subject.entry(name, of: kind)), seen.insert(ByteString(name)).inserted
            else { return nil }
            return DecodedEntry(name: name, position: entry.key.position, value: value)
        }
    }

    /// `nil` when it is no list or an item is wrong. Of objects, the right ones are returned all the same, so that what
    /// is wrong inside them is found too.
    private func list(_ node: YAMLNode, itemKind: FieldKind, subject: Subject) -> [DecodedValue]? {
        var nodes = [node]
        if let items = node.items {
            nodes = items
        } else if node.isNull {
            return mismatch(node, .list(itemKind), subject)
        } else if case .object = itemKind, node.scalar != nil {
            // No list of one: what is meant has keys.
            return mismatch(node, .list(itemKind), subject)
        } else if let scalar = node.scalar, let text = interpolated(scalar, subject, node.position), text.isReplaced {
            // `${BROKERS}` holds several the way the environment does.
            let place = ValueSource.file(node.position)
            let subject = text.isSensitive ? subject.hidden : subject
            return separated(text.text, kind: itemKind, subject: subject) { _ in place }
        }
        var isComplete = true
        var values: [DecodedValue] = []
        let first = firstIndexes.isEmpty ? 0 : firstIndexes[subject.path] ?? 0
        for (index, item) in nodes.enumerated() {
            if let value = value(item, kind: itemKind, subject: subject.item(first + index)) {
                values.append(value)
            } else {
                isComplete = false
            }
        }
        if case .object = itemKind { return values }
        return isComplete ? values : nil
    }

    private func scalar(_ scalar: YAMLScalar, kind: FieldKind, subject: Subject, source: ValueSource) -> DecodedValue? {
        guard let resolved = interpolated(scalar, subject, source.position) else { return nil }
        let form: ScalarText.Form = resolved.isReplaced ? .free : scalar.style == .plain ? .plain : .quoted
        let text = ScalarText(text: resolved.text, form: form)
        let note = resolved.isReplaced ? " (from \(DisplayText.quoted(scalar.text)))" : ""
        return read(text, kind: kind, subject: resolved.isSensitive ? subject.hidden : subject, source: source, note: note)
    }

    /// The text with `${…}` replaced; `nil` when that failed, and then it was reported.
    func interpolated(_ scalar: YAMLScalar, _ subject: Subject, _ place: SourcePosition?) -> Interpolation.Resolved? {
        let (resolved, problems) = interpolation.resolve(scalar.text)
        for problem in problems {
            let message =
                subject.isSecret && problem.repeatsText
                ? "\(DisplayText.quoted(subject.name)) holds a `${…}` that is not understood" : problem.message
            findings.add(message, at: place, hint: problem.hint)
        }
        return resolved
    }

    private func mismatch<Result>(_ node: YAMLNode, _ kind: FieldKind, _ subject: Subject) -> Result? {
        let found: String? =
            switch node.content {
            case .scalar(let scalar): ScalarText(text: scalar.text, form: scalar.style == .plain ? .plain : .quoted).found
            case .sequence: "a list"
            case .mapping: "a mapping"
            case .invalid: nil
            }
        findings.add(
            "must be \(kind.expectation)", found: found, about: subject, from: .file(node.position), hint: subject.exampleLine)
        return nil
    }

    func tooFew(_ minimum: Int) -> String {
        minimum == 1 ? "must have at least one item" : "must have at least \(minimum) items"
    }

    func read(
        _ scalar: ScalarText, kind: FieldKind, subject: Subject, source: ValueSource, note: String
    ) -> DecodedValue? {
        do {
            let value = try ScalarReader(subject: subject).read(scalar, as: kind)
            return DecodedValue(content: .value(value), source: source, subject: subject)
        } catch {
            // A hint may repeat the value.
            let hint = subject.isSecret ? subject.exampleLine : error.hint
            let found = error.showsFound ? scalar.found + note : nil
            // In a file the example says enough, and the documentation is at hand.
            let allowed = source.variable == nil ? "" : error.allowed.map { " \($0)" } ?? ""
            findings.add(error.message + allowed, found: found, about: subject, from: source, hint: hint)
            return nil
        }
    }
}

extension Field {
    /// Whether `key` is one of the keys below this field.
    fileprivate func holds(_ key: String) -> Bool {
        switch kind {
        case .object(let fields): fields.contains { $0.name == key }
        case .list(.object(let fields), _), .dictionary(.object(let fields)): fields.contains { $0.name == key }
        default: false
        }
    }
}
