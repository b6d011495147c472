import PatchbayAPI

extension Findings {
    /// The value's text, when the rule has nothing against it; what it has is reported.
    func checked(_ value: DecodedValue?, _ rule: (String) -> NameRules.Objection?) -> String? {
        guard let value, let text = value.string else { return nil }
        guard let objection = rule(text) else { return text }
        if objection.isWarning {
            if !value.subject.isSecret {
                let variable = value.source.variable
                add(
                    "\(variable.map { "\($0): " } ?? "")\(DisplayText.quoted(text)) \(objection.problem)", at: value.source.position,
                    hint: objection.hint, severity: .warning, variable: variable)
            }
            return text
        }
        // The rule's words may repeat the text.
        let isSecret = value.subject.isSecret
        add(
            isSecret && objection.repeatsText ? "is not accepted" : objection.problem, found: DisplayText.quoted(text),
            about: value.subject, from: value.source, hint: isSecret ? nil : objection.hint)
        return nil
    }

    /// The texts of a list, when the rule has nothing against any of them; what it has is reported.
    func checked(_ items: [DecodedValue]?, _ rule: (String) -> NameRules.Objection?) -> [String]? {
        guard let items else { return nil }
        let texts = items.compactMap { checked($0, rule) }
        return texts.count == items.count ? texts : nil
    }

    /// The texts of a key that is written as `one` or, meaning the same, as `several`; `nil` when the mapping has neither
    /// or both, or something is wrong with them, and then that was reported.
    func either(_ one: String, _ several: String, of object: DecodedObject) -> [DecodedValue]? {
        switch (object.keys[one], object.keys[several]) {
        case (nil, nil):
            // Misspelt, and reported as that.
            guard object.failed.isDisjoint(with: [one, several]) else { return nil }
            add(
                "a route needs `\(one)` or `\(several)`", at: object.position,
                hint: "add `\(one): NAME` or `\(several): [NAME, NAME]`")
            return nil
        case (let first?, let second?):
            let later = (first.line, first.column) < (second.line, second.column) ? second : first
            add("a route has either `\(one)` or `\(several)`, not both", at: later, hint: "put every name into `\(several)`")
        default: break
        }
        let values = (object[one]?.items ?? []) + (object[several]?.items ?? [])
        return values.isEmpty ? nil : values
    }
}
