import PatchbayJSON

/// The fields of an aggregate record, in their documented order. The raw value is the index in the shape.
enum AggregateField: Int, CaseIterable {
    case token, symbol, name, aggregateData, generatedAt, version

    static let shape = JSONShape(documented: .snake, allCases.map(\.declaration))

    private var declaration: JSONField {
        switch self {
        case .token: .required("Token", "token", .text, "Address of the token.")
        case .symbol: .optional("Symbol", "symbol", .string, "Its short name.")
        case .name: .optional("Name", "name", .string, "Its name.")
        case .aggregateData: .required("AggregateData", "aggregate_data", .objects(WindowField.shape), "One entry per time window.")
        case .generatedAt: .required("GeneratedAt", "generated_at", .timestamp, "When the figures were computed.")
        case .version: .required("Version", "version", .text, "Version of this format.")
        }
    }
}
