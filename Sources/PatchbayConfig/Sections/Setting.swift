import PatchbayAPI

/// The settings of one section of the file.
package protocol SectionSettings: Sendable {
    /// Everything at its default, which the declarations take from here.
    init()

    /// Keys whose values came out of secret files and must not be shown.
    var secrets: Set<String> { get set }
}

/// What readers of sections work with.
struct SectionReading {
    let checks: ConfigurationChecks
    let findings: Findings
}

/// One key of a section, declared once: what the file and the environment may say, and the property that holds the value.
///
/// Decoding, defaults, differences, secrets, environment, schema and reference come from it.
package struct Setting<Settings: SectionSettings>: Sendable {
    package let field: Field
    package let property: any PartialKeyPath<Settings> & Sendable
    /// Whether a running process takes a change up; if not, it needs a restart.
    let isLive: Bool
    /// Whether a section that leaves it out has the value of another one.
    let isInherited: Bool

    /// Takes the value over; `false` when it is wrong, and then it was reported.
    let read: @Sendable (DecodedValue, inout Settings, SectionReading) -> Bool
    let isSame: @Sendable (Settings, Settings) -> Bool
    /// As a difference shows it, unless it is secret.
    let text: @Sendable (Settings) -> String
    /// Takes over the value of other settings.
    let copy: @Sendable (_ source: Settings, _ target: inout Settings) -> Void

    /// A key whose kind fits the type of its property.
    ///
    /// - Parameters:
    ///   - rule: what a text, or each text of a list, may look like.
    ///   - fallback: the default as the file says it, where that is not what the property holds.
    init<Value: SettingValue>(
        _ name: String, _ property: any WritableKeyPath<Settings, Value> & Sendable, _ kind: FieldKind, rule: NameRule? = nil,
        default fallback: ConfigValue? = nil, unit: String? = nil, zero: String? = nil, environment: String? = nil,
        live isLive: Bool = false, documentation: String, example: String
    ) {
        self.init(
            Field(
                name, kind, default: fallback ?? Settings()[keyPath: property].declared, unit: unit, zero: zero,
                environment: environment, documentation: documentation, example: example),
            property, live: isLive, read: { Value.read($0, rule: rule, findings: $1.findings) },
            isSame: { $0.isSame(as: $1) }, text: { $0.text })
    }

    /// A key that is read in a way of its own.
    ///
    /// - Parameter read: `nil` when something is wrong with the value; it was reported.
    init<Value: Sendable>(
        _ field: Field, _ property: any WritableKeyPath<Settings, Value> & Sendable, live isLive: Bool = false,
        read: @escaping @Sendable (DecodedValue, SectionReading) -> Value?,
        isSame: @escaping @Sendable (Value, Value) -> Bool, text: @escaping @Sendable (Value) -> String
    ) {
        self.field = field
        self.property = property
        self.isLive = isLive
        isInherited = false
        self.read = { value, settings, reading in
            guard let value = read(value, reading) else { return false }
            settings[keyPath: property] = value
            return true
        }
        self.isSame = { isSame($0[keyPath: property], $1[keyPath: property]) }
        self.text = { text($0[keyPath: property]) }
        copy = { $1[keyPath: property] = $0[keyPath: property] }
    }

    private init(_ other: Setting, field: Field, isInherited: Bool) {
        self.field = field
        self.isInherited = isInherited
        property = other.property
        isLive = other.isLive
        read = other.read
        isSame = other.isSame
        text = other.text
        copy = other.copy
    }

    /// The same key in another place, where it has neither default nor variable.
    func elsewhere(inherited isInherited: Bool, required: Bool = false, documentation: String, example: String? = nil) -> Setting {
        Setting(
            self,
            field: Field(
                field.name, field.kind, required: required, unit: field.unit, zero: field.zeroMeaning,
                documentation: documentation, example: example ?? field.example),
            isInherited: isInherited)
    }

    /// As a difference shows it.
    func shown(_ settings: Settings) -> String {
        field.holdsSecret || settings.secrets.contains(field.name) ? SecretMask.text : text(settings)
    }
}

extension Field {
    /// Whether it is secret, or a key below it is.
    fileprivate var holdsSecret: Bool {
        if isSecret { return true }
        guard case .object(let fields) = kind else { return false }
        return fields.contains(where: \.holdsSecret)
    }
}
