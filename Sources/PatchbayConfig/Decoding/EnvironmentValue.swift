import PatchbayAPI

extension FieldDecoder {
    /// A variable's text as a value of `kind`; `nil` when it is wrong, and then it was reported.
    func fromEnvironment(_ text: String, variable: String, kind: FieldKind, subject: Subject) -> DecodedValue? {
        guard case .list(let itemKind, let minimumCount) = kind else {
            return read(
                ScalarText(text: text.trimmed, form: .free), kind: kind, subject: subject,
                source: .environment(variable: variable, text: text, item: nil), note: "")
        }
        let whole = ValueSource.environment(variable: variable, text: text, item: nil)
        let items = separated(text, kind: itemKind, subject: subject) { index in
            .environment(variable: variable, text: text, item: index + 1)
        }
        guard let items else { return nil }
        guard items.count >= minimumCount else {
            findings.add(tooFew(minimumCount), found: nil, about: subject, from: whole)
            return nil
        }
        return DecodedValue(content: .list(items), source: whole, subject: subject)
    }

    /// The items of a comma-separated text.
    func separated(
        _ text: String, kind: FieldKind, subject: Subject, source: (Int) -> ValueSource
    ) -> [DecodedValue]? {
        var isComplete = true
        var values: [DecodedValue] = []
        for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let scalar = ScalarText(text: String(part).trimmed, form: .free)
            if let value = read(scalar, kind: kind, subject: subject.item(index), source: source(index), note: "") {
                values.append(value)
            } else {
                isComplete = false
            }
        }
        return isComplete ? values : nil
    }
}

extension String {
    /// Without spaces and tabs around it, which shells and env files leave there.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
