import PatchbayAPI
public import PatchbayJSON

/// A token route's options, decoded.
public struct TokenSettings: ShapedRules {
    public static var shape: JSONShape { TokenField.shape }

    let editor: RecordEditor
    let addresses: AddressSet?
    let amm: Bool?

    init(_ options: OptionValues) throws(OptionError) {
        editor = try RecordOptions.editor(options, shape: TokenField.shape)
        addresses = try RecordOptions.addresses(options)
        amm = options.bool("amm")
    }

    /// Whether every valid record goes through unchanged.
    public var passesAll: Bool { amm == nil && addresses == nil && !editor.hasEffect }

    public func verdict(on token: JSONValue) -> ShapedVerdict {
        !passes(token) ? .filter : editor.hasEffect ? .edit : .pass
    }

    public func append(_ token: JSONValue, to bytes: inout [UInt8]) { editor.append(token, to: &bytes) }

    /// Whether the options leave this record in.
    private func passes(_ token: JSONValue) -> Bool {
        if let amm, token.field(TokenField.isAMM.rawValue)?.bool != amm { return false }
        guard let addresses else { return true }
        return token.field(TokenField.token.rawValue)?.string.map(addresses.contains) ?? false
    }
}
