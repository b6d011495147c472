public import PatchbayAPI

/// What other parts of the program have to say about values that are theirs. Asked while the files are read, whatever else
/// is wrong with them, so that all findings come at once, each at its place.
///
/// Thread: the one that loads; blocks for no network.
public struct ConfigurationChecks: Sendable {
    /// Something about one of the Kafka properties of a cluster.
    public struct PropertyProblem: Sendable {
        /// In the list that was judged.
        public let index: Int
        public let isUnknownName: Bool
        /// Not used for unknown names. May repeat values.
        public let message: String

        public init(index: Int, isUnknownName: Bool, message: String) {
            self.index = index
            self.isUnknownName = isUnknownName
            self.message = message
        }
    }

    /// All that is wrong with the properties of one cluster.
    public var properties: @Sendable (_ properties: [(name: String, value: String)]) -> [PropertyProblem]
    /// Every name that a property may have.
    public var propertyNames: @Sendable () -> [String]
    /// What is wrong with a webhook's address, beginning with a verb and not repeating it; `nil` when nothing is.
    public var webhookURL: @Sendable (_ url: String) -> String?
    /// What is wrong with a header sent to a webhook, without its value; `nil` when nothing is.
    public var webhookHeader: @Sendable (_ name: String, _ value: String) -> String?

    public init(
        properties: @escaping @Sendable ([(name: String, value: String)]) -> [PropertyProblem],
        propertyNames: @escaping @Sendable () -> [String], webhookURL: @escaping @Sendable (String) -> String?,
        webhookHeader: @escaping @Sendable (String, String) -> String?
    ) {
        self.properties = properties
        self.propertyNames = propertyNames
        self.webhookURL = webhookURL
        self.webhookHeader = webhookHeader
    }

    /// What a plugin brings.
    public struct Plugin: Sendable {
        /// Another one for another content.
        public let revision: String
        public let definitions: [TransformerDefinition]

        public init(revision: String, definitions: [TransformerDefinition]) {
            self.revision = revision
            self.definitions = definitions
        }
    }

    /// What is wrong with a plugin.
    public struct PluginProblem: Error, Sendable {
        /// Completes "plugin `x.so` …".
        public let problem: String
        public let hint: String?

        public init(problem: String, hint: String?) {
            self.problem = problem
            self.hint = hint
        }
    }

    /// Loads a plugin, for good, from what its file holds; `name` is what people call it. By default there are none.
    public var plugin:
        @Sendable (_ content: [UInt8], _ name: String, _ isolation: PluginSettings.Isolation?) -> Result<Plugin, PluginProblem> = {
            _, _, _ in .failure(PluginProblem(problem: "can't be loaded here", hint: nil))
        }
    /// Bytes that a plugin's file may have.
    public var largestPlugin = 256 << 20

    /// What is wrong with a placeholder for a field of a transformer's output; `nil` when nothing is, or nobody knows.
    ///
    /// - Parameters:
    ///   - schema: JSON Schema of the output.
    ///   - path: of the field.
    public var placeholder: @Sendable (_ schema: String, _ path: FieldPath) -> (problem: String, hint: String)? = { _, _ in nil }

    /// Has nothing against anything.
    public static let none = ConfigurationChecks(
        properties: { _ in [] }, propertyNames: { [] }, webhookURL: { _ in nil }, webhookHeader: { _, _ in nil })
}
