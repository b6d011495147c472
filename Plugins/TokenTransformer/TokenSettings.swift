import PatchbayAPI
public import PatchbayJSON

/// A token route's options, decoded.
public struct TokenSettings: ShapedRules {
    public let shape: JSONShape

    let editor: RecordEditor
    let addresses: AddressSet?
    let amm: Bool?

    init(_ options: OptionValues) throws(OptionError) {
        shape = try RecordOptions.shape(options, of: TokenField.shape)
        editor = try RecordOptions.editor(options, shape: shape)
        addresses = try RecordOptions.addresses(options)
        amm = options.bool("amm")
    }

    /// Whether every valid record goes through unchanged.
    public var passesAll: Bool { amm == nil && addresses == nil && !editor.hasEffect }

    public func verdict(on token: JSONValue) -> ShapedVerdict {
        if let reason = objection(to: token) { return .filter(reason) }
        if let rejection = editor.objection(to: token) { return .reject(rejection) }
        return editor.hasEffect ? .edit : .pass
    }

    public func append(_ token: JSONValue, to bytes: inout [UInt8]) { editor.append(token, to: &bytes) }

    /// Why the options leave this record out; `nil` when they leave it in.
    private func objection(to token: JSONValue) -> FilterReason? {
        if let amm {
            let given = token.field(TokenField.isAMM.rawValue)
            if given?.bool != amm {
                return FilterReason(option: "amm", explanation: "whether this token is on an AMM is", value: given?.text)
            }
        }
        return addresses?.objection(to: token.field(TokenField.token.rawValue))
    }
}
