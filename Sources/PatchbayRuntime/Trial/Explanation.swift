import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayJSON

/// What all routes make of one record.
package struct Explanation: Encodable {
    /// One route, and what it does with the record.
    struct RouteOutcome: Encodable {
        var route: String
        var takesTopic: Bool
        /// Why it doesn't.
        var reason: String?
        var steps: [Step] = []
        var messages: [Message] = []
        var errors: [Refusal] = []
        /// What becomes of the record when it, or one of its messages, is refused: `skip`, `dead_letter`, `stop`.
        var onError: String?
        /// Where it goes with `dead_letter`.
        var deadLetter: String?
        /// Whether the record was left out on purpose.
        var isFiltered = false
        /// Whether it was a tombstone, and the route ignores them.
        var isIgnored = false
    }

    struct Step: Encodable {
        /// In the chain, from 1. A step that gets several records is listed once for each.
        var number: Int
        var transformer: String
        /// Absent for a tombstone.
        var before: String?
        /// One text per record that the step made, `null` for a tombstone; empty when there is none.
        var after: [String?]
        /// `passed` (unchanged), `changed`, `filtered`, `rejected`.
        var outcome: String
        /// Whether the step holds the record for later; absent when it doesn't.
        var isHeld: Bool?
        var error: Refusal?
        var omission: Omission?
    }

    /// Why a record is left out on purpose.
    struct Omission: Encodable {
        /// The option that says so, and what it is set to.
        var option: String
        var setting: String?
        /// What speaks against the record.
        var explanation: String
    }

    struct Message: Encodable {
        var channel: String
        var type: String
        /// As a client would get it, with the time of this explanation.
        var envelope: String
    }

    struct Refusal: Encodable {
        var code: String
        var field: String?
        var explanation: String
    }

    var cluster: String
    var topic: String
    var routes: [RouteOutcome]
    /// Whether a record was given.
    let hasRecord: Bool
    /// When no route takes the topic: one that may have been meant.
    private let nearTopic: String?
    /// Routes that were left out because they have nothing to do with the topic.
    private let unlisted: Int

    private enum CodingKeys: CodingKey { case cluster, topic, routes }

    /// - Parameter all: whether routes that don't name the topic are listed.
    package init(
        _ configuration: RouterConfiguration, cluster: String, topic: String, record: SampledRecord?, all: Bool = false
    ) {
        self.cluster = cluster
        self.topic = topic
        hasRecord = record != nil
        let largest = configuration.maxRecord(ofCluster: cluster)
        let concerned = configuration.routes.filter { route in all || route.topics.contains { $0.matches(topic) } }
        unlisted = configuration.routes.count - concerned.count
        let known = configuration.routes.filter { $0.secrets.isDisjoint(with: ["topic", "topics"]) }
            .flatMap(\.topics).compactMap(\.plainName)
        nearTopic = Suggestion.nearest(to: topic, among: known)
        routes = concerned.map { settings in
            if let reason = Self.objection(settings, cluster: cluster, topic: topic) {
                return RouteOutcome(route: settings.shownName, takesTopic: false, reason: reason)
            }
            var outcome = RouteOutcome(route: settings.shownName, takesTopic: true)
            guard let record else { return outcome }
            let trial = RouteTrial(route: TableBuilder.route(settings), maxRecord: largest)
            let result = trial.run(record, topic: topic)
            outcome.steps = result.steps.map { Self.step($0, settings.steps[$0.index]) }
            outcome.messages = result.envelopes.map(Self.message)
            outcome.errors = result.rejections.map(Self.refusal)
            outcome.isFiltered = result.isFiltered
            outcome.isIgnored = result.isIgnored
            if !result.rejections.isEmpty {
                outcome.onError = Self.name(of: settings.onError)
                outcome.deadLetter = settings.shownDeadLetterTopic
            }
            return outcome
        }
    }

    /// Whether some route takes the topic and no record is refused.
    package var isFine: Bool {
        let taking = routes.filter(\.takesTopic)
        return !taking.isEmpty && taking.allSatisfy(\.errors.isEmpty)
    }

    private static func objection(_ route: RouteSettings, cluster: String, topic: String) -> String? {
        if !route.topics.contains(where: { $0.matches(topic) }) { return "it takes \(route.shownTopics)" }
        if !route.cluster.hasSameBytes(as: cluster) { return "it reads cluster \(route.cluster)" }
        if !route.isEnabled { return "it is disabled" }
        return nil
    }

    private static func name(of policy: ErrorPolicy) -> String {
        switch policy {
        case .skip: "skip"
        case .deadLetter: "dead_letter"
        case .stop: "stop"
        }
    }

    private static func step(_ step: RouteTrial.Step, _ settings: TransformStep) -> Step {
        let before = step.input.map { String(decoding: $0, as: UTF8.self) }
        let number = step.index + 1
        let isHeld = step.isHeld ? true : nil
        switch step.outcome {
        case .outputs(let outputs):
            let after = outputs.map { output in output.map { String(decoding: $0, as: UTF8.self) } }
            return Step(
                number: number, transformer: step.transformer, before: before, after: after,
                outcome: outputs == [step.input] ? "passed" : "changed", isHeld: isHeld)
        case .filtered(let omission):
            return Step(
                number: number, transformer: step.transformer, before: before, after: [], outcome: "filtered", isHeld: isHeld,
                omission: Omission(
                    option: omission.option, setting: settings.shownOption(omission.option),
                    explanation: omission.explanation))
        case .rejected(let rejection):
            return Step(
                number: number, transformer: step.transformer, before: before, after: [], outcome: "rejected", isHeld: isHeld,
                error: refusal(rejection))
        }
    }

    private static func message(_ envelope: RouteTrial.Envelope) -> Message {
        Message(
            channel: envelope.channel, type: envelope.type,
            envelope: ControlMessage(
                type: envelope.type, channel: envelope.channel, data: envelope.dataText,
                timestampMilliseconds: Timestamp.nowMilliseconds()
            ).envelope)
    }

    private static func refusal(_ rejection: Rejection) -> Refusal {
        Refusal(code: rejection.code, field: rejection.field, explanation: rejection.explanation)
    }

    // MARK: Text

    package var text: String {
        var text = "topic \(topic)\n"
        if !routes.contains(where: \.takesTopic) {
            text += "no route uses this topic, so its records are not consumed\n"
            if let nearTopic { text += "did you mean the topic `\(nearTopic)`?\n" }
            if unlisted > 0 {
                text += "--all lists the \(Counted.text(unlisted, "route")) that \(unlisted == 1 ? "takes" : "take") other topics\n"
            }
        }
        for route in routes { text += route.text(hasRecord: hasRecord) }
        return text
    }
}

extension Explanation.RouteOutcome {
    fileprivate func text(hasRecord: Bool) -> String {
        guard takesTopic else { return "\nroute \(route): no, \(reason ?? "")\n" }
        var text = "\nroute \(route): takes it\n"
        guard hasRecord else { return text }
        for step in steps { text += step.text }
        if isFiltered { text += "  left out on purpose; no message\n" }
        if isIgnored { text += "  a record without a value (a tombstone) is ignored; no message (tombstones: ignore)\n" }
        for error in errors where !steps.contains(where: { $0.error?.code == error.code }) {
            text += "  refused: \(error.text)\n"
        }
        if let fate { text += "  \(fate)\n" }
        for message in messages { text += "  message to \(message.channel):\n\(indented(message.envelope))" }
        return text
    }
}

extension Explanation.RouteOutcome {
    /// Where a refused record goes.
    private var fate: String? {
        switch onError {
        case "skip": "the refused record is counted and skipped (on_error: skip)"
        case "dead_letter": "the refused record goes to the topic \(deadLetter ?? "") (on_error: dead_letter)"
        case "stop": "the topic stops at the refused record until the route, or the rule that refuses it, is changed (on_error: stop)"
        default: nil
        }
    }
}

extension Explanation.Step {
    fileprivate var text: String {
        var text = "  step \(number), \(transformer), gets:\n\(Self.shown(before))"
        let and = isHeld == true ? "and holds it for later; then it" : "and"
        switch outcome {
        case "passed": text += "  \(and) passes it on unchanged\n"
        case "filtered": text += "  \(and) leaves it out\(omission.map { ": \($0.text)" } ?? "")\n"
        case "rejected": text += "  \(and) refuses it: \(error?.text ?? "")\n"
        default:
            text += "  \(and) turns it into:\n" + after.map(Self.shown).joined()
        }
        return text
    }

    private static func shown(_ value: String?) -> String {
        indented(value.map { JSONPretty.text($0) ?? $0 } ?? "no value (a tombstone)")
    }
}

extension Explanation.Omission {
    /// A plugin gives a reason, but no option.
    fileprivate var text: String { option.isEmpty ? explanation : "`\(option)` is \(setting ?? "not set"), and \(explanation)" }
}

extension Explanation.Refusal {
    fileprivate var text: String { "\(code)\(field.map { " in \($0)" } ?? ""): \(explanation)" }
}

private func indented(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { "      \($0)\n" }.joined()
}
