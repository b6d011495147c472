import PatchbayAPI

/// A section of the file: its keys, each with the property that holds its value, and the checks of values against each
/// other.
package struct Section<Settings: SectionSettings>: Sendable {
    /// The key of the section.
    package let name: String
    package let settings: [Setting<Settings>]
    /// The declarations of all keys.
    package let fields: [Field]
    /// Keys that one that leaves them out has of another one.
    var inherited: [String] { settings.filter(\.isInherited).map(\.field.name) }
    private let check: @Sendable (DecodedObject, inout Settings, SectionReading) -> Bool

    /// - Parameters:
    ///   - settings: in the order in which the reference lists them.
    ///   - check: values against each other, once each is right by itself; `false` when they don't fit, and then that was
    ///     reported.
    init(
        _ name: String, @SettingsBuilder<Settings> settings: () -> [Setting<Settings>],
        check: @escaping @Sendable (DecodedObject, inout Settings, SectionReading) -> Bool = { _, _, _ in true }
    ) {
        self.name = name
        self.settings = settings()
        fields = self.settings.map(\.field)
        self.check = check
    }

    /// The key that is bound to a property.
    func field(_ property: PartialKeyPath<Settings>) -> String {
        settings.first { $0.property as PartialKeyPath<Settings> == property }?.field.name ?? ""
    }

    /// `nil` when something is wrong; it was reported.
    ///
    /// - Parameter parent: what it inherits that it doesn't say itself.
    func read(_ object: DecodedObject, inheriting parent: DecodedObject? = nil, _ reading: SectionReading) -> Settings? {
        var settings = Settings()
        settings.secrets = object.secrets
        var isRight = true
        for setting in self.settings {
            let name = setting.field.name
            if let value = object[name] {
                // All of them, whatever is wrong with one.
                isRight = setting.read(value, &settings, reading) && isRight
            } else if setting.isInherited, let value = parent?[name] {
                isRight = setting.read(value, &settings, reading) && isRight
                if value.isSecret { settings.secrets.insert(name) }
            }
        }
        guard isRight, fields.allSatisfy({ !object.failed.contains($0.name) }) else { return nil }
        return check(object, &settings, reading) ? settings : nil
    }

    // MARK: Differences

    /// What changes when one configuration replaces another, and needs a restart.
    func changes(_ old: Settings, _ new: Settings) -> [ConfigurationDifference.Change] {
        settings.filter { !$0.isLive && !$0.isSame(old, new) }.map { setting in
            ConfigurationDifference.Change(
                kind: "setting", name: "\(name).\(setting.field.name)", action: .changed,
                details: ["\(setting.shown(old)) → \(setting.shown(new))"], needsRestart: true)
        }
    }

    /// The settings of a running process with what it takes up of others.
    func takingUp(_ next: Settings, into running: Settings) -> Settings {
        var result = running
        for setting in settings where setting.isLive {
            setting.copy(next, &result)
            let name = setting.field.name
            if next.secrets.contains(name) { result.secrets.insert(name) } else { result.secrets.remove(name) }
        }
        return result
    }
}

/// Collects the settings of a section, one a line.
@resultBuilder
package enum SettingsBuilder<Settings: SectionSettings> {
    package static func buildExpression(_ setting: Setting<Settings>) -> Setting<Settings> { setting }
    package static func buildBlock(_ settings: Setting<Settings>...) -> [Setting<Settings>] { settings }
}
