/// Turns records into envelope data, a batch at a time. Synchronous: no `await`, no locks, no I/O.
///
/// One instance belongs to one route on one consumer thread, so it may keep scratch buffers and parsers.
/// For each record it calls exactly one of the writer's `emit` (once or several times), `reject` or `filter`.
///
/// Thread: consumer.
public protocol Transformer: AnyObject {
    /// Transforms the whole batch, in order. Tombstones never arrive here unless the definition asks for them.
    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter)
}

/// A transformer as the registration list sees it: name, specification and factory in one value.
public struct TransformerDefinition: Sendable {
    /// The name operators write after `transform:`; lower-case words joined by `_`, unique in the registration list.
    public let name: String
    /// One sentence for the reference.
    public let summary: String
    /// The envelope `type` when a route names none.
    public let defaultType: String
    /// The options it accepts. The loader checks an operator's options against these before the factory runs.
    public let options: [Field]
    /// Inputs with their outputs; run as tests and printed in the reference.
    public let examples: [TransformerExample]
    /// Makes a factory from checked options, or explains what is wrong with them together.
    /// The factory runs once per route and consumer thread.
    public let configure: @Sendable (OptionValues) throws(OptionError) -> @Sendable () -> any Transformer

    public init(
        name: String,
        summary: String,
        defaultType: String,
        options: [Field] = [],
        examples: [TransformerExample] = [],
        configure: @escaping @Sendable (OptionValues) throws(OptionError) -> @Sendable () -> any Transformer
    ) {
        self.name = name
        self.summary = summary
        self.defaultType = defaultType
        self.options = options
        self.examples = examples
        self.configure = configure
    }
}

/// One documented input of a transformer and what becomes of it.
public struct TransformerExample: Sendable {
    public enum Outcome: Sendable, Equatable {
        /// The envelope data, byte for byte.
        case data(String)
        /// Rejected with this code, naming this field.
        case rejected(code: String, field: String?)
        /// Left out on purpose.
        case filtered
    }

    public let title: String
    /// Options as an operator would give them; empty for none.
    public let options: [String: ConfigValue]
    public let input: String
    public let outcome: Outcome

    public init(title: String, options: [String: ConfigValue] = [:], input: String, outcome: Outcome) {
        self.title = title
        self.options = options
        self.input = input
        self.outcome = outcome
    }
}
