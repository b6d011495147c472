import PatchbayAPI

/// The keys of one mapping as a table of the reference.
struct FieldTable {
    let mapping: DeclaredMapping

    /// Examples that need several lines follow the table. Ends with a line break.
    var markdown: String {
        let table = Markdown.table(["Key", "Value", "Default", "Meaning"], mapping.fields.map(row))
        let blocks = mapping.fields.compactMap { field in
            field.longExample.map { "\n\(Markdown.code(field.name)), for example:\n\n\(Markdown.block($0, language: "yaml"))" }
        }
        return table + blocks.joined()
    }

    private func row(_ field: Field) -> [String] {
        [Markdown.code(field.name), value(field), fallback(field), meaning(field)]
    }

    private func value(_ field: Field) -> String {
        if isTransform(field) { return KeyRules.transformWords }
        return field.rangeWords.map { "\(field.kind.words), \($0)" } ?? field.kind.words
    }

    private func fallback(_ field: Field) -> String {
        if let value = field.defaultInFile { return Markdown.code(YAMLText.flow(value)) }
        return field.isRequired ? "**required**" : "–"
    }

    private func meaning(_ field: Field) -> String {
        var parts = [field.documentation]
        if isTransform(field) { parts.append("See [transformers](#transformers).") }
        if let below = mapping.mapping(below: field) { parts.append("See \(Markdown.link(toHeading: below.place)).") }
        if field.isSecret { parts.append("It is never shown.") }
        if let variable = field.environmentVariable { parts.append("Environment variable: \(Markdown.code(variable)).") }
        if field.longExample == nil, let example = field.exampleInFile {
            parts.append("Example: \(Markdown.code(example))")
        }
        return parts.joined(separator: "<br>")
    }

    private func isTransform(_ field: Field) -> Bool { mapping.place(of: field) == KeyRules.transformPlace }
}

extension Field {
    /// The example, when it doesn't fit into a table.
    fileprivate var longExample: String? { exampleInFile.flatMap { $0.contains("\n") ? $0 : nil } }
}
