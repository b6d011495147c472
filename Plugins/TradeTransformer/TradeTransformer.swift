import PatchbayJSON

/// Trades: checks each record, and passes it on as it is unless an option says otherwise.
public typealias TradeTransformer = ShapedTransformer<TradeSettings>
