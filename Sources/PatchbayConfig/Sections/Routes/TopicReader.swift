import PatchbayAPI

/// `topic` and `topics` of a route.
struct TopicReader {
    let budget: PatternBudget
    let findings: Findings

    /// Every topic, in order; `nil` when one is wrong, and then it was reported.
    func read(_ route: DecodedObject) -> [TopicSelector]? {
        guard let values = findings.either("topic", "topics", of: route) else { return nil }
        var topics: [TopicSelector] = []
        var seen: Set<ByteString> = []
        for value in values {
            guard let text = value.string, let topic = selector(value, text) else { continue }
            guard seen.insert(ByteString(text)).inserted else {
                findings.add(
                    "topic \(value.shown) is named twice in this route", at: value.source.position,
                    hint: "remove one of them")
                continue
            }
            topics.append(topic)
        }
        return topics.count == values.count && route.failed.isDisjoint(with: ["topic", "topics"]) ? topics : nil
    }

    private func selector(_ value: DecodedValue, _ text: String) -> TopicSelector? {
        guard text.utf8.first == UInt8(ascii: "^") else { return findings.checked(value, NameRules.topic).map { .name($0) } }
        guard findings.checked(value, PatternRules.objection) != nil else { return nil }
        guard budget.compiles(PatternRules.length(text)) else {
            findings.add(
                "the regular expressions of all routes are too long to be used together", at: value.source.position,
                hint: "written out they may have \(PatternBudget.characters) characters; match more topics with fewer")
            return nil
        }
        do {
            return .pattern(try TopicPattern(text))
        } catch {
            findings.add(
                "must be a regular expression: \(error.reason)", found: DisplayText.quoted(text), about: value.subject,
                from: value.source, hint: "POSIX extended syntax, for example `^metrics\\..*`")
            return nil
        }
    }
}
