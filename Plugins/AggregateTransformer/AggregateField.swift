import PatchbayJSON

/// The fields of an aggregate record, in their documented order. The raw value is the index in the shape.
enum AggregateField: Int, CaseIterable {
    case token, symbol, name, aggregateData, generatedAt, version

    static let shape = JSONShape(documented: .snake, allCases.map(\.declaration))

    private var declaration: JSONField {
        switch self {
        case .token: .required("Token", "token", .text)
        case .symbol: .optional("Symbol", "symbol", .string)
        case .name: .optional("Name", "name", .string)
        case .aggregateData: .required("AggregateData", "aggregate_data", .objects(WindowField.shape))
        case .generatedAt: .required("GeneratedAt", "generated_at", .timestamp)
        case .version: .required("Version", "version", .text)
        }
    }
}
