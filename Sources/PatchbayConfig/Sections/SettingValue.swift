import PatchbayAPI

/// A type that a property bound to a key may have: how a value of the file becomes one, and how a change of it is found
/// and shown.
protocol SettingValue: Sendable {
    /// `nil` when `rule` has something against it; that was reported.
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> Self?

    /// As the declaration of a field has it; `nil` for none.
    var declared: ConfigValue? { get }

    /// As a difference shows it.
    var text: String { get }

    /// Texts are compared by their bytes: canonically equal ones are different ones to Kafka and to browsers.
    func isSame(as other: Self) -> Bool
}

/// What a text may look like; `nil` when there is nothing against it.
typealias NameRule = @Sendable (String) -> NameRules.Objection?

extension SettingValue where Self: Equatable {
    func isSame(as other: Self) -> Bool { self == other }
}

extension SettingValue where Self: CustomStringConvertible {
    var text: String { description }
}

extension Int: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> Int? { value.integer.map { Int($0) } }
    var declared: ConfigValue? { .integer(Int64(self)) }
}

extension Int64: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> Int64? { value.integer }
    var declared: ConfigValue? { .integer(self) }
}

extension Double: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> Double? { value.number }
    var declared: ConfigValue? { .number(self) }
}

extension Bool: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> Bool? { value.bool }
    var declared: ConfigValue? { .bool(self) }
}

extension Duration: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> Duration? {
        value.integer.map { .milliseconds($0) }
    }

    var declared: ConfigValue? { .integer(Int64(self / .milliseconds(1))) }
}

extension String: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> String? {
        rule.map { findings.checked(value, $0) } ?? value.string
    }

    var declared: ConfigValue? { .string(self) }
    func isSame(as other: String) -> Bool { hasSameBytes(as: other) }
}

extension [String]: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> [String]? {
        rule.map { findings.checked(value.items, $0) } ?? value.items.compactMap(\.string)
    }

    var declared: ConfigValue? { .list(map(ConfigValue.string)) }
    var text: String { joined(separator: ", ") }
    func isSame(as other: [String]) -> Bool { hasSameBytes(as: other) }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    static func read(_ value: DecodedValue, rule: NameRule?, findings: Findings) -> Wrapped?? {
        Wrapped.read(value, rule: rule, findings: findings).map { .some($0) }
    }

    var declared: ConfigValue? { flatMap(\.declared) }
    var text: String { map(\.text) ?? "" }

    func isSame(as other: Wrapped?) -> Bool {
        switch (self, other) {
        case (nil, nil): true
        case (let left?, let right?): left.isSame(as: right)
        default: false
        }
    }
}
