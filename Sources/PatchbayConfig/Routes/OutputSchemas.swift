import PatchbayAPI

/// What transformers make, worked out once for all routes with the same options: a thousand routes of one kind would have the
/// same schema written a thousand times, which took as long as reading them.
///
/// Thread: the one that reads the file.
final class OutputSchemas {
    /// Remembered for each transformer; what has ever new options is worked out each time.
    private static let most = 8

    private var known: [ByteString: [(options: OptionValues, schema: OutputSchema)]] = [:]

    func schema(_ step: TransformReader.Step) -> OutputSchema {
        let (name, options) = (ByteString(step.definition.name), step.settings.options)
        if let found = known[name]?.first(where: { $0.options == options }) { return found.schema }
        let schema = step.definition.outputSchema(options)
        if known[name]?.count ?? 0 < Self.most { known[name, default: []].append((options, schema)) }
        return schema
    }
}
