import PatchbayJSON

/// Aggregates per time window: checks each record, and passes it on as it is unless an option says otherwise.
public typealias AggregateTransformer = ShapedTransformer<AggregateSettings>
