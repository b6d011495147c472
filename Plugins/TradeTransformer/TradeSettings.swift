import PatchbayAPI
public import PatchbayJSON

/// A trade route's options, decoded.
public struct TradeSettings: ShapedRules {
    public let shape: JSONShape

    let editor: RecordEditor
    let addresses: AddressSet?
    /// `nil` for both.
    let side: String?

    init(_ options: OptionValues) throws(OptionError) {
        shape = try RecordOptions.shape(options, of: TradeField.shape)
        editor = try RecordOptions.editor(options, shape: shape, product: try Self.value(options))
        addresses = try RecordOptions.addresses(options)
        side = try Self.side(options)
    }

    /// Whether every valid record goes through unchanged.
    public var passesAll: Bool { side == nil && addresses == nil && !editor.hasEffect }

    public func verdict(on trade: JSONValue) -> ShapedVerdict {
        if let reason = objection(to: trade) { return .filter(reason) }
        if let rejection = editor.objection(to: trade) { return .reject(rejection) }
        return editor.hasEffect ? .edit : .pass
    }

    public func append(_ trade: JSONValue, to bytes: inout [UInt8]) { editor.append(trade, to: &bytes) }

    /// Why the options leave this record out; `nil` when they leave it in.
    private func objection(to trade: JSONValue) -> FilterReason? {
        if let side {
            let given = trade.field(TradeField.sellBuy.rawValue)
            if given?.isString(side) != true {
                return FilterReason(option: "sides", explanation: "the side of this trade is", value: given?.text)
            }
        }
        return addresses?.objection(to: trade.field(TradeField.token.rawValue))
    }

    /// What `value_usd` adds; `nil` for nothing.
    private static func value(_ options: OptionValues) throws(OptionError) -> ProductField? {
        if options.bool("value_usd") == true { return TradeField.valueUsd }
        let name = TradeField.valueUsd.field.pascalName
        if options.strings("numbers")?.contains(where: { $0.hasSameBytes(as: name) }) == true {
            throw OptionError(option: "numbers", message: "`\(name)` is there with `value_usd` only", hint: "add `value_usd: true`")
        }
        return nil
    }

    private static func side(_ options: OptionValues) throws(OptionError) -> String? {
        guard let sides = options.strings("sides") else { return nil }
        if sides.isEmpty {
            throw OptionError(
                option: "sides", message: "`sides` is empty, so no trade would pass",
                hint: "name `buy`, `sell` or both, or leave `sides` out to pass both")
        }
        for side in sides where !TradeField.sides.contains(side) {
            throw OptionError(
                option: "sides", message: "there is no side `\(side)`",
                hint: Suggestion.sentence(for: side, among: TradeField.sides))
        }
        return Set(sides).count == 1 ? sides.first : nil
    }
}
