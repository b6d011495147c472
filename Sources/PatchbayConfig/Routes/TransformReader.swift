import PatchbayAPI

/// The `transform` of a route: a registered transformer with checked options.
struct TransformReader {
    struct Transform {
        let definition: TransformerDefinition
        let options: OptionValues
        let factory: @Sendable () -> any Transformer
        /// Options as checked, for where they come from.
        let checked: DecodedObject
    }

    let transformers: [TransformerDefinition]
    let decoder: FieldDecoder
    let findings: Findings

    /// `nil` when it is wrong; it was reported.
    func read(_ node: YAMLNode, path: String) -> Transform? {
        switch node.content {
        case .invalid: return nil
        case .sequence:
            findings.add(
                "a chain of transformers is not supported yet", at: node.position, hint: "name one transformer: `transform: NAME`")
            return nil
        case .scalar:
            guard let value = decoder.value(node, kind: .string(), subject: Subject(name: "transform", path: path)),
                let name = value.string, let definition = definition(name, shown: value.shown, at: node.position)
            else { return nil }
            return configure(definition, options: nil, at: node.position, path: path)
        case .mapping(let entries):
            guard entries.count == 1, let entry = entries.first, let name = entry.key.scalar?.text else {
                if entries.count != 1 { reportCount(entries, at: node.position) }
                return nil
            }
            guard let definition = definition(name, shown: Shown.quoted(name), at: entry.key.position) else { return nil }
            guard entry.value.entries != nil || entry.value.isNull else {
                if !entry.value.isInvalid {
                    findings.add(
                        "the options of \(Shown.quoted(name)) must be a mapping (`key: value`)", at: entry.value.position,
                        hint: allowed(definition))
                }
                return nil
            }
            return configure(definition, options: entry.value, at: entry.key.position, path: path)
        }
    }

    private func reportCount(_ entries: [YAMLNode.Entry], at position: SourcePosition) {
        let names = entries.compactMap { $0.key.scalar?.text }
        let hint: String? =
            if let first = names.first, transformers.contains(where: { $0.name == first }), names.count > 1 {
                "indent the options below `\(first)`"
            } else {
                "write `transform: NAME` or `transform: { NAME: { option: value } }`"
            }
        let found = names.isEmpty ? "none" : Shown.list(names.prefix(5))
        findings.add("`transform` must name exactly one transformer, found \(found)", at: position, hint: hint)
    }

    private func definition(_ name: String, shown: String, at position: SourcePosition) -> TransformerDefinition? {
        if let definition = transformers.first(where: { $0.name == name }) { return definition }
        let names = transformers.map(\.name).sorted()
        let known = names.isEmpty ? "no transformer is registered" : "known transformers: \(Shown.list(names))"
        let near = Suggestion.nearest(to: name, among: names)
        findings.add(
            "there is no transformer \(shown)", at: position,
            hint: near.map { "did you mean `\($0)`? (\(known))" } ?? known)
        return nil
    }

    private func configure(
        _ definition: TransformerDefinition, options node: YAMLNode?, at position: SourcePosition, path: String
    ) -> Transform? {
        let subject = Subject(name: definition.name, path: "\(path).\(definition.name)")
        let errorsBefore = findings.errorCount
        let checked = decoder.object(
            node?.entries == nil ? nil : node, fields: definition.options, subject: subject, missingAt: position)
        let pairs = checked.values.map { ($0.subject.name, decoder.plain($0)) }
        guard findings.errorCount == errorsBefore else { return nil }
        let options = OptionValues(Dictionary(pairs) { first, _ in first }, defaultsOf: definition.options)
        do {
            let factory = try definition.configure(options)
            return Transform(definition: definition, options: options, factory: factory, checked: checked)
        } catch {
            report(error, checked, definition, at: position)
            return nil
        }
    }

    private func report(
        _ error: OptionError, _ checked: DecodedObject, _ definition: TransformerDefinition, at position: SourcePosition
    ) {
        let value = error.option.flatMap { checked[$0] }
        // The transformer's words may repeat a secret that it was given.
        let isSecret = value?.subject.isSecret == true
        let message = isSecret ? "is not accepted" : error.message
        let hint = isSecret ? nil : error.hint
        if case .environment(let variable)? = value?.source.origin {
            findings.add("\(variable): \(message)", at: nil, hint: hint)
            return
        }
        let subject = error.option.map { "option \(Shown.quoted($0)) of `\(definition.name)`" } ?? "`\(definition.name)`"
        let place = value?.source.position ?? position
        findings.add("\(subject): \(message)", at: place, hint: hint)
    }

    private func allowed(_ definition: TransformerDefinition) -> String {
        definition.options.isEmpty
            ? "`\(definition.name)` has no options: write `transform: \(definition.name)`"
            : "options: \(Shown.list(definition.options.map(\.name)))"
    }
}
