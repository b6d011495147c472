import PatchbayAPI

/// Where a value in effect comes from.
public enum ValueOrigin: Sendable, Equatable {
    /// The declaration of its field.
    case defaultValue
    /// The configuration file.
    case file(SourcePosition)
    /// This environment variable.
    case environment(String)
}

/// Where a value comes from, with what a finding about it needs to say.
package enum ValueSource: Sendable, Equatable {
    case defaultValue
    case file(SourcePosition)
    /// `item` counts from 1 when the value is one of several between commas.
    case environment(variable: String, text: String, item: Int?)

    var origin: ValueOrigin {
        switch self {
        case .defaultValue: .defaultValue
        case .file(let position): .file(position)
        case .environment(let variable, _, _): .environment(variable)
        }
    }

    var position: SourcePosition? { if case .file(let position) = self { position } else { nil } }

    var variable: String? { if case .environment(let variable, _, _) = self { variable } else { nil } }
}

/// What a finding calls the value it is about.
///
/// A class, because every decoded value has one and values are copied often.
package final class Subject: Sendable {
    /// As in the file, such as `port`; an item of a list is called by the list's name, its position tells which.
    let name: String
    /// From the root: `server.port`.
    let path: String
    let isSecret: Bool
    let unit: String?
    let zeroMeaning: String?
    let example: String?
    /// Wins over the file.
    let variable: String?

    init(
        name: String, path: String, isSecret: Bool = false, unit: String? = nil, zeroMeaning: String? = nil,
        example: String? = nil, variable: String? = nil
    ) {
        self.name = name
        self.path = path
        self.isSecret = isSecret
        self.unit = unit
        self.zeroMeaning = zeroMeaning
        self.example = example
        self.variable = variable
    }

    convenience init(_ field: Field, in parent: Subject?) {
        let isSecret = field.isSecret || parent?.isSecret == true
        let parentPath = parent?.path ?? ""
        self.init(
            name: field.name, path: parentPath.isEmpty ? field.name : "\(parentPath).\(field.name)", isSecret: isSecret,
            unit: field.unit, zeroMeaning: field.zeroMeaning, example: field.example, variable: field.environmentVariable)
    }

    /// One item of a list.
    func item(_ index: Int) -> Subject {
        Subject(
            name: name, path: "\(path)[\(index)]", isSecret: isSecret, unit: unit, zeroMeaning: zeroMeaning,
            example: example)
    }

    /// One entry of a dictionary.
    func entry(_ key: String, of kind: FieldKind) -> Subject {
        // Free names with a scalar are properties of somebody else, whose secrets no field declares.
        let isProperty = if case .scalar = kind { true } else { false }
        return Subject(
            name: key, path: "\(path).\(key)", isSecret: isSecret || isProperty && SecretNames.contains(key), unit: unit,
            zeroMeaning: zeroMeaning, example: nil)
    }

    /// The example as a line of the file.
    var exampleLine: String? {
        guard let example else { return nil }
        let line = example.hasPrefix("\(name):") ? example : "\(name): \(example)"
        return line.contains("\n") ? nil : "for example `\(line)`"
    }
}

extension Subject {
    /// A hint that shows the value as a line of the file, with the variable in its place: "for example `PORT=8080`" for
    /// "for example `port: 8080`". Lists become texts with commas.
    func hint(_ hint: String, for variable: String) -> String {
        let start = "`\(name): "
        guard let opening = hint.firstRange(of: start), let closing = hint[opening.upperBound...].firstIndex(of: "`") else { return hint }
        var value = hint[opening.upperBound..<closing].filter { $0 != "\"" && $0 != "'" }
        if value.hasPrefix("["), value.hasSuffix("]") { value = String(value.dropFirst().dropLast()).replacing(", ", with: ",") }
        return hint[..<opening.lowerBound] + "`\(variable)=\(value)" + hint[closing...]
    }

    /// The same value, never to be shown.
    var hidden: Subject {
        Subject(name: name, path: path, isSecret: true, unit: unit, zeroMeaning: zeroMeaning, example: example)
    }
}

extension Findings {
    /// A finding about one value, in the words that fit where it comes from:
    /// "`port` must be …, found 99999" or "PORT=99999: must be …".
    ///
    /// - Parameters:
    ///   - problem: begins with "must".
    ///   - found: what is there instead; left out for secrets.
    func add(_ problem: String, found: String?, about subject: Subject, from source: ValueSource, hint: String? = nil) {
        let found = subject.isSecret ? nil : found
        switch source {
        case .environment(let variable, let text, nil):
            let given = subject.isSecret ? variable : "\(variable)=\(DisplayText.plain(text))"
            add("\(given): \(problem)", at: nil, hint: hint.map { subject.hint($0, for: variable) }, variable: variable)
        case .environment(let variable, _, let item?):
            add(
                "\(variable): item \(item) \(problem)\(found.map { ", found \($0)" } ?? "")", at: nil,
                hint: hint.map { subject.hint($0, for: variable) }, variable: variable)
        case .file, .defaultValue:
            add(
                "\(DisplayText.quoted(subject.name)) \(problem)\(found.map { ", found \($0)" } ?? "")", at: source.position,
                hint: hint)
        }
    }
}
