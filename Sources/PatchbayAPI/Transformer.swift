/// Turns records into envelope data, a batch at a time. Synchronous: no `await`, no locks, no I/O.
///
/// One instance belongs to one route on one consumer thread, so it may keep scratch buffers and parsers.
/// For each record it calls exactly one of the writer's `emit` (once or several times), `reject`, `filter` or `hold`; one that it
/// holds it releases later, in `transform`, `tick` or `flush`.
///
/// Thread: consumer.
public protocol Transformer: AnyObject {
    /// Transforms the whole batch, in order. Tombstones never arrive here unless the definition asks for them
    /// (`takesTombstones`): they go past this step, in their place among the records.
    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter)

    /// How often it wants `tick`; `nil`, the default, for never. Asked once, when the instance is made.
    var tickInterval: Duration? { get }

    /// Time has passed. Emits what waits for time rather than for a record: with `Record.none`, or with a record that it has made of
    /// copies. Called between batches, no more often than every `tickInterval`, and later while batches take long or the
    /// consumer waits for the broker (about a second at the most). The first call follows the instance's first batch.
    ///
    /// - Parameter nowMilliseconds: wall clock, milliseconds since 1970.
    func tick(nowMilliseconds: Int64, into output: EnvelopeWriter)

    /// Emits or gives up everything it holds, and releases it. Called before the instance goes (a reload that changes its route, a
    /// stop), before partitions are given to another member of the group, and when it holds more than it may. It may go on
    /// afterwards. What it still holds then is not lost at a stop or when a partition is given up, since its offsets were not stored:
    /// it comes again. At a reload, and when it holds more than it may, it is counted as abandoned.
    func flush(into output: EnvelopeWriter)
}

extension Transformer {
    public var tickInterval: Duration? { nil }
    public func tick(nowMilliseconds: Int64, into output: EnvelopeWriter) {}
    public func flush(into output: EnvelopeWriter) {}
}

/// What an instance keeps from record to record.
public enum TransformerMemory: Sendable, Equatable {
    /// Nothing: what becomes of a record is up to that record alone.
    case none
    /// What earlier records were. Such a step can't be on a route with `on_error: stop`, which has its steps take records twice.
    case earlierRecords
    /// Records themselves, held for later. Besides, what it hands on has no headers.
    case records
}

/// A transformer as the registration list sees it: name, specification and factory in one value.
public struct TransformerDefinition: Sendable {
    /// The name operators write after `transform:`; lower-case words joined by `_`, unique in the registration list.
    public let name: String
    /// One sentence for the reference.
    public let summary: String
    /// The envelope `type` when a route names none; `nil` for steps that change records without making a kind of their
    /// own. A chain's type is that of its last step that has one, else `message`.
    public let defaultType: String?
    /// The options it accepts. The loader checks an operator's options against these before the factory runs.
    public let options: [Field]
    /// The option that a bare value stands for, as in `pick: [a, b]`; `nil` when options are always named. When the option is a mapping
    /// itself, it is meant by every mapping that doesn't have it as a key: `rename: { level: severity }`.
    public let shorthand: String?
    /// Whether tombstones come to it, on routes with `tombstones: message`. It passes them on with `emitTombstone`.
    public let takesTombstones: Bool
    /// Why it would refuse every tombstone under these options; `nil` when it wouldn't. Together with `tombstones: message` that is an
    /// error of the file. The words must not repeat the options' values, which may be secret.
    public let tombstoneProblem: @Sendable (OptionValues) -> OptionError?
    /// What its instances keep under these options.
    public let memory: @Sendable (OptionValues) -> TransformerMemory
    /// What is wrong with a bare value, where there is more to say than that options are a mapping.
    public let bareValueProblem: (message: String, hint: String)?
    /// Inputs with their outputs; run as tests and printed in the reference.
    public let examples: [TransformerExample]
    /// What the data looks like that it makes under checked options; for the documents that clients read.
    public let outputSchema: @Sendable (OptionValues) -> OutputSchema
    /// Makes a factory from checked options, or explains what is wrong with them together.
    /// The factory runs once per route and consumer thread.
    public let configure: @Sendable (OptionValues) throws(OptionError) -> Factory
    /// The same for all steps of a configuration together, one outcome each, in order. What takes long belongs here or
    /// into `configure`, not into the factory, which runs on consumer threads; here it can be shared between steps.
    public let configureAll: @Sendable ([OptionValues]) -> [Result<Factory, OptionError>]

    /// Where it comes from, when a plugin does its work.
    package var plugin: PluginOrigin?

    /// Makes an instance. Thread: consumer.
    public typealias Factory = @Sendable () -> any Transformer

    public init(
        name: String,
        summary: String,
        defaultType: String?,
        options: [Field] = [],
        shorthand: String? = nil,
        takesTombstones: Bool = false,
        tombstoneProblem: @escaping @Sendable (OptionValues) -> OptionError? = { _ in nil },
        memory: @escaping @Sendable (OptionValues) -> TransformerMemory = { _ in .none },
        bareValueProblem: (message: String, hint: String)? = nil,
        examples: [TransformerExample] = [],
        outputSchema: @escaping @Sendable (OptionValues) -> OutputSchema = { _ in .any },
        configure: @escaping @Sendable (OptionValues) throws(OptionError) -> Factory,
        configureAll: (@Sendable ([OptionValues]) -> [Result<Factory, OptionError>])? = nil
    ) {
        self.name = name
        self.summary = summary
        self.defaultType = defaultType
        self.options = options
        self.shorthand = shorthand
        self.takesTombstones = takesTombstones
        self.tombstoneProblem = tombstoneProblem
        self.memory = memory
        self.bareValueProblem = bareValueProblem
        self.examples = examples
        self.outputSchema = outputSchema
        self.configure = configure
        self.configureAll =
            configureAll ?? { all in
                all.map { options in Result { () throws(OptionError) in try configure(options) } }
            }
    }
}

extension TransformerDefinition {
    /// Whether `shorthand` is an option that is a mapping itself.
    package var hasMappingShorthand: Bool {
        options.contains { option in
            if case .dictionary = option.kind { option.name == shorthand } else { false }
        }
    }
}

/// What is known of a transformer's output, for documentation.
public enum OutputSchema: Sendable, Equatable {
    /// JSON, and no more is known.
    case any
    /// What comes in goes out, if it goes out at all.
    case unchanged
    /// A JSON Schema as JSON text: an object without `$ref`, in what draft 7 and 2020-12 have in common, because OpenAPI
    /// takes the one and AsyncAPI the other.
    case schema(String)

    /// The schema of what comes out at the end of a chain; `nil` when it may be any JSON.
    public static func ofChain(_ steps: [OutputSchema]) -> String? {
        steps.reduce(nil) { schema, step in
            switch step {
            case .any: nil
            case .unchanged: schema
            case .schema(let text): text
            }
        }
    }
}

/// One documented input of a transformer and what becomes of it.
public struct TransformerExample: Sendable {
    public enum Outcome: Sendable, Equatable {
        /// The envelope data, byte for byte.
        case data(String)
        /// The data of several envelopes.
        case messages([String])
        /// Rejected with this code, naming this field.
        case rejected(code: String, field: String?)
        /// Left out on purpose.
        case filtered
    }

    public let title: String
    /// Options as an operator would give them; empty for none.
    public let options: [String: ConfigValue]
    /// Records that came shortly before, for transformers that remember.
    public let earlier: [String]
    public let input: String
    /// What becomes of `input`, at once or once its time has come.
    public let outcome: Outcome

    public init(
        title: String, options: [String: ConfigValue] = [:], earlier: [String] = [], input: String, outcome: Outcome
    ) {
        self.title = title
        self.options = options
        self.earlier = earlier
        self.input = input
        self.outcome = outcome
    }
}
