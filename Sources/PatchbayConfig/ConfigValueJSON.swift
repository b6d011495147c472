public import PatchbayAPI

extension ConfigValue {
    /// The value as JSON; names in alphabetical order. What JSON has no number for becomes null.
    public var jsonText: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): value.isFinite ? "\(value)" : "null"
        case .string(let text): JSONLiteral.quoted(text)
        case .list(let items): "[" + items.map(\.jsonText).joined(separator: ",") + "]"
        case .map(let entries):
            "{"
                + entries.sorted { $0.key < $1.key }.map { "\(JSONLiteral.quoted($0.key.string)):\($0.value.jsonText)" }
                .joined(separator: ",") + "}"
        }
    }
}
