import PatchbayJSON

/// The fields of a token record, in their documented order. The raw value is the index in the shape.
enum TokenField: Int, CaseIterable {
    case token, symbol, name, metaInfo, totalSupply, isAMM, createTime

    static let shape = JSONShape(documented: .pascal, allCases.map(\.declaration))

    private var declaration: JSONField {
        switch self {
        case .token: .required("Token", "token", .text, "Address of the token.")
        // What a token calls itself is up to its maker, and may be nothing.
        case .symbol: .required("Symbol", "symbol", .string, "Its short name, as its maker chose it; may be empty.")
        case .name: .required("Name", "name", .string, "Its name; may be empty.")
        case .metaInfo: .required("MetaInfo", "meta_info", .string, "Whatever its maker says about it; may be empty.")
        case .totalSupply: .required("TotalSupply", "total_supply", .decimal, "How many tokens there are.")
        case .isAMM: .required("IsAMM", "is_amm", .bool, "Whether it is traded on an automated market maker.")
        case .createTime: .required("CreateTime", "create_time", .timestamp, "When it was made.")
        }
    }
}
