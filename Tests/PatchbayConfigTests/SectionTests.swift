import PatchbayAPI
import PatchbaySettings
import Testing

@testable import PatchbayConfig

/// Every key of a section is bound to one property, and every property to one key.
@Suite("Sections")
struct SectionTests {
    /// What a file may say that is not the default, where the kind of the key alone doesn't tell.
    private static let values = [
        "server.host": "x.test", "server.reconnect_latest": "600s", "server.allowed_origins": "'https://x.test'",
        "server.cors_origins": "'https://x.test'", "server.base_path": "/x", "server.trusted_proxies": "10.0.0.0/8",
        "admin.host": "x.test", "admin.allowed_hosts": "x.test", "alerts.topics": "{ t: { lag: 1 } }", "alerts.node": "x",
        "alerts.webhook": "{ url: 'https://x.test' }", "kafka.brokers": "'x:1'", "kafka.group": "x",
        "kafka.properties": "{ client.rack: x }",
    ]

    private static func value(_ field: Field, of section: String) -> String {
        if let value = values["\(section).\(field.name)"] { return value }
        func other(_ range: ClosedRange<Int64>) -> Int64 {
            field.defaultValue == .integer(range.lowerBound) ? range.lowerBound + 1 : range.lowerBound
        }
        return switch field.kind {
        case .bool: field.defaultValue == .bool(true) ? "false" : "true"
        case .integer(let range), .size(let range): "\(other(range))"
        case .duration(let range): "\(other(range))ms"
        case .number(let range): "\(range.lowerBound)"
        default: "no value for \(section).\(field.name)"
        }
    }

    /// Names of the properties that differ, with what they hold.
    private static func differences<Settings: SectionSettings>(_ one: Settings, _ other: Settings) -> [String] {
        zip(Mirror(reflecting: one).children, Mirror(reflecting: other).children)
            .filter { String(reflecting: $0.value) != String(reflecting: $1.value) }.compactMap(\.0.label).filter { $0 != "secrets" }
    }

    private func check<Settings: SectionSettings>(
        _ section: Section<Settings>, unbound: Set<String> = [], _ settings: (RouterConfiguration) -> Settings
    ) throws {
        let before = try #require(load(minimal()).configuration)
        var bound: [String] = []
        for setting in section.settings {
            let place = "\(section.name).\(setting.field.name)"
            let line = "\(section.name): { \(setting.field.name): \(Self.value(setting.field, of: section.name)) }"
            let result = load(minimal(line + "\n"))
            #expect(result.diagnostics == [], "\(line)")
            let after = try #require(result.configuration)
            let changed = Self.differences(settings(before), settings(after))
            #expect(changed.count == 1, "\(place) sets \(changed)")
            bound += changed
            #expect(!setting.isSame(settings(before), settings(after)) && setting.isSame(settings(after), settings(after)), "\(place)")
            #expect(ConfigurationDifference(from: before, to: after).changes.count == 1, "\(place) is one difference")
            #expect(result.origins.contains { $0.path.hasPrefix(place) && $0.origin != .defaultValue }, "\(place) is in effect")
            var copy = settings(before)
            setting.copy(settings(after), &copy)
            #expect(Self.differences(copy, settings(after)) == [])
        }
        let properties = Mirror(reflecting: settings(before)).children.compactMap(\.label)
        #expect(Set(bound).count == bound.count, "each key has a property of its own")
        #expect(Set(bound) == Set(properties).subtracting(unbound).subtracting(["secrets"]), "each property has a key")
    }

    @Test("bind every key to a property of its own, and every property to a key")
    func bindings() throws {
        try check(ServerSettings.section, \.server)
        try check(LimitSettings.section, \.limits)
        try check(AdminSettings.section, \.admin)
        try check(ReloadSettings.section, \.reload)
        try check(AlertSettings.section, \.alerts)
        try check(KafkaSettings.section, unbound: ["name"], \.kafka)
    }

    @Test("take their defaults from their settings")
    func defaults() {
        func check<Settings: SectionSettings>(_ section: Section<Settings>, but exceptions: Set<String> = []) {
            for setting in section.settings where setting.field.defaultValue != nil && !exceptions.contains(setting.field.name) {
                #expect(setting.field.defaultValue == Self.declared(Settings(), setting), "\(section.name).\(setting.field.name)")
            }
        }
        check(ServerSettings.section, but: ["base_path"])
        check(LimitSettings.section)
        check(AdminSettings.section)
        check(ReloadSettings.section)
        check(AlertSettings.section)
        check(KafkaSettings.section)
    }

    private static func declared<Settings: SectionSettings>(_ settings: Settings, _ setting: Setting<Settings>) -> ConfigValue? {
        (settings[keyPath: setting.property as PartialKeyPath<Settings>] as? any SettingValue)?.declared
    }

    @Test("of further clusters have the keys of `kafka`, in its order")
    func clusters() {
        #expect(KafkaSettings.cluster.fields.map(\.name) == KafkaSettings.section.fields.map(\.name))
        #expect(KafkaSettings.cluster.inherited == ["group", "batch_size", "max_record", "dead_letter_timeout"])
        for (own, cluster) in zip(KafkaSettings.section.settings, KafkaSettings.cluster.settings) {
            #expect(own.property as PartialKeyPath<KafkaSettings> == cluster.property)
        }
    }

    @Test("report all that is wrong with a section at once")
    func allAtOnce() {
        let messages = load(minimal("server: { port: x, base_path: x, host: 'a b' }\nadmin: { enabled: 5, host: 'a b' }\n")).diagnostics
            .map(\.message)
        #expect(messages.count == 5)
    }

    @Test("forget a secret that a running process has given up")
    func secretThresholds() throws {
        func configuration(_ lag: String) throws -> RouterConfiguration {
            let text = minimal("alerts: { lag: \(lag) }\n")
            let result = ConfigurationLoader.load(
                bytes: Array(text.utf8), file: "routes.yaml", environment: [:], transformers: fakes,
                files: .memory(["/s": Array("4711".utf8)]))
            return try #require(result.configuration)
        }
        let (plain, secret, next) = (try configuration("1"), try configuration("\"${file:/s}\""), try configuration("2"))
        // Taken up in a running process, a secret stays one: the next difference must not show it.
        let running = plain.alerts.takingUp(secret.alerts)
        #expect(running.secrets == ["lag"])
        #expect(AlertSettings.changedThresholds(running, next.alerts).map(\.details) == [["***"]])
        #expect(running.takingUp(next.alerts).secrets == [])
    }
}
