/// When to alert, and whom to tell: the section `alerts` of the file.
///
/// The initial values are the defaults; the rest of each declaration is in `PatchbayConfig/Sections/AlertSection.swift`.
public struct AlertSettings: Sendable, Equatable {
    /// Where alerts are sent.
    public struct Webhook: Sendable, Equatable {
        /// Secret.
        public let url: String
        /// Their values are secret.
        public let headers: [String: String]

        package init(url: String, headers: [String: String]) {
            self.url = url
            self.headers = headers
        }
    }

    /// Records; `nil` for no alerts about lag but those of `topics`.
    public var lag: Int64?
    /// Records, by topic.
    public var topics: [String: Int64] = [:]
    /// How long a lag must have been over its threshold before there is an alert. Zero: at once.
    public var lagFor = Duration.seconds(5)
    /// A lag alert ends when the lag is below this part of the threshold, 0 < part ≤ 1. At 1 there is no hysteresis.
    public var endsBelow = 0.8
    /// Whether reading only some of a topic's partitions is worth an alert.
    public var watchesAssignment = true
    /// How long an assignment must have been as it is before it means anything: longer than a rebalance takes.
    public var settling = Duration.seconds(30)
    /// What the webhook calls this process; `nil` for the name of the host.
    public var node: String?
    public var webhook: Webhook?

    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    public init() {}

    /// The threshold of a topic; `nil` for none.
    public func threshold(ofTopic topic: String) -> Int64? { topics[topic] ?? lag }
}
