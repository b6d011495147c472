import PatchbayAPI

/// The `transform` of a route: a chain of registered transformers with checked options.
package struct TransformReader {
    /// One transformer of a chain, its options read but not yet checked together.
    struct Draft {
        let definition: TransformerDefinition
        let options: OptionValues
        let checked: DecodedObject
        let position: SourcePosition
        let path: String
        /// Whether the transformer's name came out of a secret.
        var hasSecretName = false
    }

    /// One transformer of a chain.
    struct Step {
        let definition: TransformerDefinition
        let settings: TransformStep
        /// Such as `routes[0].transform[1]`.
        let path: String
        /// Options as checked, for where they come from.
        let checked: DecodedObject
    }

    /// Transformers of one chain.
    package static let longestChain = 32

    private let transformers: TransformerSet
    private let isComplete: Bool
    private let names: [String]
    private let decoder: FieldDecoder
    private let findings: Findings

    /// - Parameter isComplete: whether `transformers` are all that the file has; not with a plugin that can't be loaded.
    init(transformers: TransformerSet, isComplete: Bool = true, decoder: FieldDecoder, findings: Findings) {
        self.transformers = transformers
        self.isComplete = isComplete
        names = transformers.definitions.map(\.name).sorted()
        self.decoder = decoder
        self.findings = findings
    }

    /// The steps of each chain in order; `nil` where there is no chain, or one of its steps is wrong, and then it was
    /// reported. All steps of one transformer are configured together: some do it much faster that way.
    func configure(_ chains: [[Draft]?]) -> [[Step]?] {
        let drafts = chains.enumerated().flatMap { chain, drafts in (drafts ?? []).map { (chain: chain, draft: $0) } }
        var steps = [Step?](repeating: nil, count: drafts.count)
        for (_, indices) in Dictionary(grouping: drafts.indices, by: { drafts[$0].draft.definition.name }) {
            guard let definition = indices.first.map({ drafts[$0].draft.definition }) else { continue }
            let outcomes = definition.configureAll(indices.map { drafts[$0].draft.options })
            for (index, outcome) in zip(indices, outcomes) { steps[index] = step(drafts[index].draft, outcome) }
        }
        var result = chains.map { $0 == nil ? nil : [Step]() }
        for (index, step) in steps.enumerated() {
            let chain = drafts[index].chain
            guard let step else {
                result[chain] = nil
                continue
            }
            result[chain]?.append(step)
        }
        return result
    }

    private func step(
        _ draft: Draft, _ outcome: Result<TransformerDefinition.Factory, OptionError>
    ) -> Step? {
        do throws(OptionError) {
            var settings = TransformStep(
                transformer: draft.definition.name, revision: transformers.revision(of: draft.definition.name),
                options: draft.options, secretOptions: draft.checked.secrets, factory: try outcome.get(), position: draft.position)
            settings.hasSecretName = draft.hasSecretName
            settings.takesTombstones = draft.definition.takesTombstones
            settings.plugin = draft.definition.plugin
            settings.memory = draft.definition.memory(draft.options)
            return Step(definition: draft.definition, settings: settings, path: draft.path, checked: draft.checked)
        } catch {
            report(error, draft.checked, draft.definition, at: draft.position)
            return nil
        }
    }

    /// The steps in order; `nil` when one is wrong, and then it was reported.
    func read(_ node: YAMLNode, path: String) -> [Draft]? {
        guard let items = node.items else { return draft(node, path: path).map { [$0] } }
        guard !items.isEmpty else {
            findings.add(
                "`transform` must have at least one item", at: node.position, hint: "for example `transform: [json]`")
            return nil
        }
        guard items.count <= Self.longestChain else {
            findings.add(
                "`transform` must have at most \(Self.longestChain) items, found \(items.count)", at: node.position)
            return nil
        }
        let steps = items.enumerated().compactMap { draft($1, path: "\(path)[\($0)]") }
        return steps.count == items.count ? steps : nil
    }

    private func draft(_ node: YAMLNode, path: String) -> Draft? {
        switch node.content {
        case .invalid: return nil
        case .sequence:
            findings.add(
                "a step of `transform` must be a transformer, found a list", at: node.position,
                hint: "write all steps in one list")
            return nil
        case .scalar:
            guard let value = decoder.value(node, kind: .string(), subject: Subject(name: "transform", path: path)),
                let name = value.string,
                let definition = definition(name, shown: value.shown, isSecret: value.isSecret, at: node.position)
            else { return nil }
            var draft = draft(definition, options: nil, at: node.position, path: path)
            draft?.hasSecretName = value.isSecret
            return draft
        case .mapping(let entries):
            guard entries.count == 1, let entry = entries.first, let name = entry.key.scalar?.text else {
                if entries.count != 1 { reportCount(entries, at: node.position) }
                return nil
            }
            guard let definition = definition(name, shown: DisplayText.quoted(name), at: entry.key.position) else {
                if SecretNames.contains(name) { findings.withhold(entry.value) }
                return nil
            }
            guard let options = options(entry.value, of: definition) else { return nil }
            return draft(definition, options: options, at: entry.key.position, path: path)
        }
    }

    /// The mapping of options, made of a bare value where the transformer has a shorthand; `nil` when it is neither.
    private func options(_ node: YAMLNode, of definition: TransformerDefinition) -> YAMLNode? {
        if node.isInvalid { return nil }
        if let entries = node.entries {
            guard let name = definition.shorthand, definition.hasMappingShorthand, !entries.isEmpty,
                !entries.contains(where: { Self.isMeant($0, by: name) })
            else { return node }
            let others = definition.options.map(\.name)
            if let entry = entries.first(where: { $0.key.scalar.map { others.containsBytes(of: $0.text) } ?? false }),
                let option = entry.key.scalar?.text
            {
                findings.add(
                    "\(DisplayText.quoted(option)) is an option of `\(definition.name)`, so its `\(name)` need a key of their own",
                    at: entry.key.position, hint: "write `\(definition.name): { \(name): { … }, \(option): … }`")
                return nil
            }
            return Self.named(name, node)
        }
        if node.isNull { return node }
        if let name = definition.shorthand, !definition.hasMappingShorthand { return Self.named(name, node) }
        if let problem = definition.bareValueProblem {
            findings.add(problem.message, at: node.position, hint: problem.hint)
            return nil
        }
        if definition.options.contains(where: \.isSecret) { findings.withhold(node) }
        findings.add(
            "the options of \(DisplayText.quoted(definition.name)) must be a mapping (`key: value`)", at: node.position,
            hint: definition.options.isEmpty
                ? "`\(definition.name)` has no options: write `transform: \(definition.name)`"
                : "options: \(DisplayText.list(definition.options.map(\.name)))")
        return nil
    }

    /// The mapping that holds `node` as the value of an option.
    private static func named(_ option: String, _ node: YAMLNode) -> YAMLNode {
        let key = YAMLNode(
            .scalar(YAMLScalar(text: option, style: .plain)), position: node.position, endLine: node.position.line)
        return YAMLNode(.mapping([YAMLNode.Entry(key: key, value: node)]), position: node.position, endLine: node.endLine)
    }

    /// Whether a key is the option's name, or a misspelling of it with a mapping below.
    private static func isMeant(_ entry: YAMLNode.Entry, by option: String) -> Bool {
        guard let key = entry.key.scalar?.text else { return false }
        if key.hasSameBytes(as: option) { return true }
        return entry.value.entries != nil && Suggestion.nearest(to: key, among: [option]) != nil
    }

    private func reportCount(_ entries: [YAMLNode.Entry], at position: SourcePosition) {
        let names = entries.compactMap { $0.key.scalar?.text }
        let hint: String? =
            if let first = names.first, let definition = transformers[first], names.count > 1 {
                names.dropFirst().allSatisfy {
                    transformers[$0] != nil && !definition.options.map(\.name).containsBytes(of: $0)
                }
                    ? "write a chain as a list: `[{ \(first): … }, { \(DisplayText.plain(names[1])): … }]`"
                    : "indent the options below `\(first)`"
            } else {
                "write `transform: NAME` or `transform: { NAME: { option: value } }`"
            }
        let found = names.isEmpty ? "none" : DisplayText.list(names.prefix(5))
        findings.add("`transform` must name exactly one transformer, found \(found)", at: position, hint: hint)
    }

    private func definition(
        _ name: String, shown: String, isSecret: Bool = false, at position: SourcePosition
    ) -> TransformerDefinition? {
        if let definition = transformers[name] { return definition }
        let known = names.isEmpty ? "no transformer is registered" : "known transformers: \(DisplayText.list(names))"
        let near = isSecret ? nil : findings.nearest(to: name, among: names)
        // It may be of the plugin that can't be loaded, which was reported.
        guard isComplete || near != nil else { return nil }
        findings.add(
            "there is no transformer \(shown)", at: position,
            hint: near.map { "did you mean `\($0)`? (\(known))" } ?? known)
        return nil
    }

    private func draft(
        _ definition: TransformerDefinition, options node: YAMLNode?, at position: SourcePosition, path: String
    ) -> Draft? {
        let subject = Subject(name: definition.name, path: "\(path).\(definition.name)")
        let errorsBefore = findings.errorCount
        let checked = decoder.object(
            node?.entries == nil ? nil : node, fields: definition.options, subject: subject, missingAt: position)
        let pairs = checked.values.map { ($0.subject.name, decoder.plain($0)) }
        guard findings.errorCount == errorsBefore else { return nil }
        let options = OptionValues(Dictionary(pairs) { first, _ in first }, defaultsOf: definition.options)
        return Draft(definition: definition, options: options, checked: checked, position: position, path: path)
    }

    private func report(
        _ error: OptionError, _ checked: DecodedObject, _ definition: TransformerDefinition, at position: SourcePosition
    ) {
        let value = error.option.flatMap { checked[$0] }
        // The transformer's words may repeat a secret that it was given.
        let texts = checked.values.flatMap(\.secretTexts)
        // The author of a candidate may have made them repeat a part of one, which no text can be compared with.
        let mayRepeat = !findings.mayCompare(secret: !checked.secrets.isEmpty)
        let isSecret =
            mayRepeat || value?.isSecret == true || texts.contains { error.message.contains($0) || error.hint?.contains($0) == true }
        let message = isSecret ? "is not accepted" : error.message
        let hint = isSecret ? nil : error.hint
        if case .environment(let variable)? = value?.source.origin {
            findings.add("\(variable): \(message)", at: nil, hint: hint, variable: variable)
            return
        }
        let subject = error.option.map { "option \(DisplayText.quoted($0)) of `\(definition.name)`" } ?? "`\(definition.name)`"
        let place = value?.source.position ?? position
        findings.add("\(subject): \(message)", at: place, hint: hint)
    }
}
