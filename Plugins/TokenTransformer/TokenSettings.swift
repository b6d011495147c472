import PatchbayAPI
import PatchbayJSON

/// A token route's options, decoded.
struct TokenSettings: Sendable {
    let editor: RecordEditor
    let addresses: AddressSet?
    let amm: Bool?

    init(_ options: OptionValues) throws(OptionError) {
        editor = try RecordOptions.editor(options, shape: TokenField.shape)
        addresses = try RecordOptions.addresses(options)
        amm = options.bool("amm")
    }

    /// Whether every valid record goes through unchanged.
    var passesAll: Bool { amm == nil && addresses == nil && !editor.hasEffect }

    /// Whether the options leave this record in.
    func passes(_ token: JSONValue) -> Bool {
        if let amm, token.field(TokenField.isAMM.rawValue)?.bool != amm { return false }
        guard let addresses else { return true }
        return token.field(TokenField.token.rawValue)?.string.map(addresses.contains) ?? false
    }
}
