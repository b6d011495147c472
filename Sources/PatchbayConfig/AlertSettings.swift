/// When somebody is to be told, and how.
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
    public package(set) var lag: Int64?
    /// Records, by topic.
    public package(set) var topics: [String: Int64] = [:]
    /// 0…1 d.
    public package(set) var lagFor = Duration.seconds(5)
    /// A part of the threshold, 0.01…1.
    public package(set) var endsBelow = 0.8
    public package(set) var watchesAssignment = true
    /// 0…1 h.
    public package(set) var settling = Duration.seconds(30)
    /// `nil` for the name of the host.
    public package(set) var node: String?
    public package(set) var webhook: Webhook?
    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    package init() {}

    /// The threshold of a topic; `nil` for none.
    public func threshold(ofTopic topic: String) -> Int64? { topics[topic] ?? lag }

    /// The other's thresholds, with what a running process keeps.
    public func takingUp(_ next: AlertSettings) -> AlertSettings {
        var settings = self
        settings.lag = next.lag
        settings.topics = next.topics
        return settings
    }
}
