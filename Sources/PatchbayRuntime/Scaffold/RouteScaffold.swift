import PatchbayAPI
import PatchbayConfig
import PatchbayCore

/// One route of a scaffold: the transformer that fits a topic's records, what else could be done with them, and a record
/// as its first test. Nothing gets into the file that `check` or `test` would complain of.
struct RouteScaffold {
    /// Bytes of the longest record that becomes a test: a page of text, not a dump.
    private static let largestSample = 16 << 10
    /// Records tried as a test until one can be written.
    private static let mostTries = 20
    /// Characters of a channel's name, at most 200 by rule; the rest is for the value that a template adds.
    private static let longestChannel = 120

    private let topic: Scaffold.Topic
    private let transformers: TransformerSet
    private let fit: Fit
    /// Records with a value: tombstones say nothing about what the topic holds.
    private let records: [SampledRecord]
    /// Why there can be no route.
    private var problem: String?
    /// A record as a test, or a comment that says why there is none.
    private var test = ""
    private static let testsKey = "    tests:"

    init(_ topic: Scaffold.Topic, _ transformers: TransformerSet) {
        self.topic = topic
        self.transformers = transformers
        records = topic.records.filter { $0.value != nil }
        fit = Fit.of(topic.name, records, transformers)
        problem = Scaffold.problem(withRoute: route(extras: []), transformers)
        if problem == nil { test = recordAsTest }
    }

    /// Whether one of the records became a test.
    var hasTest: Bool { test.hasPrefix(Self.testsKey) }

    /// Whether `text` is a route, and not a comment that says why there is none.
    var isRoute: Bool { problem == nil }

    var text: String {
        if let problem {
            return "  # No route for the topic \(Scaffold.quoted(topic.name)): \(Self.comment(problem))\n\n"
        }
        return route(extras: suggestions + errorHandling) + test + "\n"
    }

    private func route(transform: String? = nil, channels: String? = nil, extras: [String]) -> String {
        var text = "  - topic: \(Scaffold.quoted(topic.name))\n"
        let comment = transform == nil && !fit.comment.isEmpty ? "   # \(fit.comment)" : ""
        text += "    transform: \(transform ?? fit.name)\(comment)\n"
        text += channels.map { "    channels: \($0)\n" } ?? "    channel: \(Scaffold.quoted(channel))\n"
        return text + extras.map { "    # \($0)\n" }.joined()
    }

    private var channel: String { String(topic.name.prefix(Self.longestChannel)) }

    private var errorHandling: [String] {
        [
            "on_error: dead_letter                # what happens to a refused record; skip is the default",
            "dead_letter: \(Scaffold.quoted(String(topic.name.prefix(200)) + ".dead-letter"))",
        ]
    }

    /// What else could be done with such records; each as it may be uncommented.
    private var suggestions: [String] {
        var lines: [String] = []
        let values = records.compactMap(\.value)
        if let condition = FieldSuggestions(values).condition {
            let transform = "[{ filter: \(Scaffold.quoted(condition)) }, \(fit.name)]"
            if Scaffold.problem(withRoute: route(transform: transform, extras: []), transformers) == nil {
                lines.append("transform: \(transform)   # only some of the records")
            }
        }
        // Templates see what the transformer makes of a record.
        if let field = FieldSuggestions(records.flatMap { fit.run($0)?.envelopes.map(\.data) ?? [] }).channelField {
            let channels = "[\(Scaffold.quoted(channel)), \(Scaffold.quoted("\(channel).{\(field)}"))]"
            if Scaffold.problem(withRoute: route(channels: channels, extras: []), transformers) == nil {
                lines.append("channels: \(channels)   # in place of `channel`: one channel per value of the field as well")
            }
        }
        return lines
    }

    // MARK: A record as a test

    private var recordAsTest: String {
        var reasons: [String] = []
        // One that is accepted shows more than one that is refused.
        let accepted = records.map { fit.run($0)?.envelopes.isEmpty == false }
        let ordered = zip(records, accepted).filter(\.1).map(\.0) + zip(records, accepted).filter { !$0.1 }.map(\.0)
        for record in ordered.prefix(Self.mostTries) {
            switch test(of: record) {
            case .success(let text): return text
            case .failure(let reason): reasons.append(reason.text)
            }
        }
        guard let reason = reasons.first else { return "" }
        return "    # No test: of the \(Counted.text(topic.records.count, "record")) looked at, none can be written here; "
            + "the first: \(Self.comment(reason))\n"
    }

    private struct Reason: Error {
        let text: String
    }

    private func test(of record: SampledRecord) -> Result<String, Reason> {
        guard let value = record.value, value.count <= Self.largestSample else {
            return .failure(Reason(text: "it is larger than \(Self.largestSample / 1024) KiB"))
        }
        guard let input = String(validating: value, as: UTF8.self) else {
            return .failure(Reason(text: "its value is not text in UTF-8"))
        }
        var text = "\(Self.testsKey)                                 # run by `patchbay test`\n"
        text += "      - name: \(Scaffold.quoted("a record of \(String(topic.name.prefix(Self.longestChannel)))"))\n"
        if let bytes = record.key {
            if let key = String(validating: bytes, as: UTF8.self), bytes.count <= Self.largestSample {
                text += "        key: \(Scaffold.quoted(key))\n"
            } else {
                text += "        # its key is left out: it is long, or not text in UTF-8\n"
            }
        }
        text += "        input: \(Scaffold.quoted(input))\n"
        if let rejection = fit.run(record)?.rejections.first {
            text += "        error: \(Scaffold.quoted(rejection.code))\n"
        } else {
            text += "        expect: [{ channel: \(Scaffold.quoted(channel)), type: \(Scaffold.quoted(fit.type)) }]\n"
        }
        if let problem = Scaffold.problem(withRoute: route(extras: []) + text, transformers) {
            return .failure(Reason(text: problem))
        }
        return .success(text)
    }

    /// On one line, whatever the text is.
    private static func comment(_ text: String) -> String { DisplayText.comment(text) }

    // MARK: What fits

    /// The transformer that takes the records.
    private struct Fit {
        let name: String
        let type: String
        let comment: String
        /// What becomes of a record; `nil` when nothing can be tried.
        let run: (SampledRecord) -> RouteTrial.Result?

        /// The most particular transformer that takes every record seen.
        static func of(_ topic: String, _ records: [SampledRecord], _ transformers: TransformerSet) -> Fit {
            let fallback = transformers["json"]
            let fallbackType = fallback?.defaultType ?? "message"
            guard !records.isEmpty else {
                let others = "others: \(transformers.definitions.map(\.name).filter { $0 != "json" }.joined(separator: ", "))"
                return Fit(name: "json", type: fallbackType, comment: others, run: { _ in nil })
            }
            let looked = records.count == 1 ? "the 1 record" : "all of the \(records.count) records"
            let particular = transformers.definitions.filter { $0.defaultType != nil && $0.name != "json" }
            for candidate in particular + (fallback.map { [$0] } ?? []) {
                guard let trial = Self.trial(of: candidate, topic: topic),
                    records.allSatisfy({ !trial.run($0, topic: topic).envelopes.isEmpty })
                else { continue }
                return Fit(
                    name: candidate.name, type: candidate.defaultType ?? "message", comment: "fits \(looked) looked at",
                    run: { trial.run($0, topic: topic) })
            }
            let trial = fallback.flatMap { Self.trial(of: $0, topic: topic) }
            let refused = records.compactMap { trial?.run($0, topic: topic).rejections.first }
            let comment =
                "careful: \(refused.count) of the \(Counted.text(records.count, "record")) looked at "
                + "\(refused.count == 1 ? "is" : "are") refused\(refused.first.map { " (\($0.code))" } ?? "")"
            return Fit(name: "json", type: fallbackType, comment: comment, run: { trial?.run($0, topic: topic) })
        }

        /// Runs records through a transformer with its defaults.
        private static func trial(of definition: TransformerDefinition, topic: String) -> RouteTrial? {
            guard let factory = try? definition.configure(OptionValues(defaultsOf: definition.options)) else { return nil }
            return RouteTrial(
                route: Route(
                    name: definition.name, topic: topic, type: definition.defaultType ?? "message", channels: ["c"],
                    makeTransformer: factory),
                maxRecord: 100 << 20)
        }
    }
}

extension DisplayText {
    /// Text that a comment of a file may hold: on one line, without control characters.
    static func comment(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(DisplayText.isHarmless(scalar) ? scalar : "\u{FFFD}") }
        return String(result)
    }
}
