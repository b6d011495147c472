import PatchbayJSON

/// Token launches: checks each record, and passes it on as it is unless an option says otherwise.
public typealias TokenTransformer = ShapedTransformer<TokenSettings>
