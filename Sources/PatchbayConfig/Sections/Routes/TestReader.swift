import PatchbayAPI

/// `tests` of a route.
struct TestReader {
    let budget: PatternBudget
    let decoder: FieldDecoder
    let findings: Findings

    /// The right ones; the others were reported.
    func read(_ route: DecodedObject, topics: [TopicSelector]?) -> [RouteTest] {
        let taken = Topics(selectors: topics, isSecret: route.hides("topic", "topics"))
        return (route["tests"]?.items ?? []).enumerated().compactMap { index, value in
            value.object.flatMap { test($0, number: index + 1, topics: taken) }
        }
    }

    /// What the route takes.
    private struct Topics {
        /// `nil` when something is wrong with them.
        let selectors: [TopicSelector]?
        /// Whether a hint must not name them.
        let isSecret: Bool
    }

    private func test(_ object: DecodedObject, number: Int, topics: Topics) -> RouteTest? {
        let topic = topic(object, topics)
        let expectation = expectation(object)
        let input = input(object)
        guard object.failed.isEmpty, let topic, let expectation, let input, let position = object.position else { return nil }
        return RouteTest(
            name: object["name"]?.string ?? "test \(number)", topic: topic, key: object["key"]?.string,
            headers: (object["headers"]?.entries ?? []).map { ($0.name, $0.value.string ?? "") }, input: input.text,
            expectation: expectation, position: position)
    }

    private func topic(_ test: DecodedObject, _ topics: Topics) -> String? {
        if let value = test["topic"] {
            guard let topic = findings.checked(value, NameRules.topic), let selectors = topics.selectors else { return nil }
            guard findings.mayCompare(secret: topics.isSecret || value.isSecret) else { return topic }
            guard budget.compares(selectors.count) else {
                findings.add(
                    "there are too many tests of routes with too many topics", at: value.source.position,
                    hint: "match more topics with fewer regular expressions")
                return nil
            }
            guard selectors.contains(where: { $0.matches(topic) }) else {
                findings.add(
                    "the route doesn't take the topic \(value.shown)", at: value.source.position,
                    hint: topics.isSecret ? nil : "its topics: \(DisplayText.list(selectors.prefix(5).map(\.text)))")
                return nil
            }
            return topic
        }
        guard let selectors = topics.selectors, !test.failed.contains("topic") else { return nil }
        for case .name(let name) in selectors { return name }
        let example = topics.isSecret ? nil : selectors.first.map { ", such as one that \(DisplayText.quoted($0.text)) matches" }
        findings.add(
            "the test needs a `topic`, because all topics of its route are regular expressions", at: test.position,
            hint: "add the `topic` that the record is from\(example ?? "")")
        return nil
    }

    private func expectation(_ test: DecodedObject) -> RouteTest.Expectation? {
        switch (test.keys["expect"], test.keys["error"]) {
        case (nil, nil):
            guard test.failed.isDisjoint(with: ["expect", "error"]) else { return nil }
            findings.add(
                "a test needs `expect` or `error`", at: test.position,
                hint: "add `expect: [{ channel: NAME, data: … }]`, `expect: []` or `error: CODE`")
            return nil
        case (let one?, let other?):
            let later = (one.line, one.column) < (other.line, other.column) ? other : one
            findings.add("a test has either `expect` or `error`, not both", at: later, hint: "remove one of them")
            return nil
        case (nil, _?): return test["error"]?.string.map { .error(code: $0) }
        case (_?, nil): return (test["expect"]?.items).map { .envelopes($0.compactMap(envelope)) }
        }
    }

    private func envelope(_ value: DecodedValue) -> ExpectedEnvelope? {
        guard let object = value.object, let position = object.position else { return nil }
        var data: String?
        if let value = object["data"], case .tree(let node) = value.content {
            var json = TestInput(decoder: decoder, findings: findings, subject: value.subject)
            data = json.json(of: node)
            guard data != nil else { return nil }
        }
        return ExpectedEnvelope(
            channel: object["channel"]?.string, type: object["type"]?.string, data: data, deleted: object["deleted"]?.bool,
            key: object["key"]?.string, position: position)
    }

    private func input(_ test: DecodedObject) -> TestInput.Value? {
        guard let value = test["input"], case .tree(let node) = value.content else { return nil }
        var input = TestInput(decoder: decoder, findings: findings, subject: value.subject)
        return input.value(of: node)
    }
}
