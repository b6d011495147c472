import PatchbayAPI

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
