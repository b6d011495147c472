import PatchbayJSON

/// The fields of a token record, in their documented order. The raw value is the index in the shape.
enum TokenField: Int, CaseIterable {
    case token, symbol, name, metaInfo, totalSupply, isAMM, createTime

    static let shape = JSONShape(documented: .pascal, allCases.map(\.declaration))

    private var declaration: JSONField {
        switch self {
        case .token: .required("Token", "token", .text)
        // What a token calls itself is up to its maker, and may be nothing.
        case .symbol: .required("Symbol", "symbol", .string)
        case .name: .required("Name", "name", .string)
        case .metaInfo: .required("MetaInfo", "meta_info", .string)
        case .totalSupply: .required("TotalSupply", "total_supply", .decimal)
        case .isAMM: .required("IsAMM", "is_amm", .bool)
        case .createTime: .required("CreateTime", "create_time", .timestamp)
        }
    }
}
