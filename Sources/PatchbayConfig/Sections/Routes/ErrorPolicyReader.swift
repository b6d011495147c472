import PatchbayAPI

/// `on_error` and `dead_letter` of a route, with what it inherits.
struct ErrorPolicyReader {
    private let defaults: DecodedObject?
    /// `nil` when there is none or it is wrong.
    private let defaultTopic: String?
    private let findings: Findings

    init(defaults: DecodedObject?, findings: Findings) {
        self.defaults = defaults
        self.findings = findings
        defaultTopic = findings.checked(defaults?["dead_letter"], NameRules.topic)
    }

    /// `nil` when it is wrong; it was reported.
    func read(_ route: DecodedObject, topics: [TopicSelector]?) -> ErrorPolicy? {
        let own = route["dead_letter"]
        let ownTopic = findings.checked(own, NameRules.topic)
        guard route.failed.isDisjoint(with: ["on_error", "dead_letter"]) else { return nil }
        let policy = route["on_error"] ?? defaults?["on_error"]
        let word = policy?.string
        guard word == "dead_letter" else {
            if own != nil {
                let found = word.map { policy?.isSecret == true ? "" : ", and `on_error` is `\($0)`" } ?? ""
                findings.add(
                    "`dead_letter` needs `on_error: dead_letter`\(found)", at: route.keys["dead_letter"],
                    hint: "add `on_error: dead_letter`, or remove `dead_letter`")
                return nil
            }
            return word == "stop" ? .stop : .skip
        }
        guard own != nil || defaults?["dead_letter"] != nil || defaults?.failed.contains("dead_letter") == true else {
            findings.add(
                "`on_error: dead_letter` needs `dead_letter`, the topic that refused records go to",
                at: route["on_error"]?.source.position ?? route.position,
                hint: "add `dead_letter: TOPIC` to the route, or under `defaults` for all routes")
            return nil
        }
        guard let value = own ?? defaults?["dead_letter"], let topic = own == nil ? defaultTopic : ownTopic else { return nil }
        let isSecret = value.isSecret || route.hides("topic", "topics")
        if findings.mayCompare(secret: isSecret), let reader = topics?.first(where: { $0.matches(topic) }) {
            let shown = reader.text.hasSameBytes(as: topic) || isSecret ? "" : " (\(DisplayText.quoted(reader.text)))"
            findings.add(
                "the route reads its own dead-letter topic \(value.shown)\(shown), so refused records would come back forever",
                at: own?.source.position ?? route.position, hint: "use another topic for `dead_letter`")
            return nil
        }
        return .deadLetter(topic: topic)
    }
}
