import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayJSON

/// What came of the tests of one routes file.
package struct RouteTestReport: Encodable {
    /// One test.
    struct Outcome: Encodable {
        var route: String
        var test: String
        /// `file:line:column`
        var place: String
        /// What differs from what was expected; empty when the test passes.
        var differences: [String]
    }

    var file: String
    var outcomes: [Outcome] = []
    /// Enabled routes without a test.
    var uncoveredRoutes: [String] = []
    /// Transformers that routes use and no test runs.
    var uncoveredTransformers: [String] = []

    package var failed: Int { outcomes.count { !$0.differences.isEmpty } }

    package init(file: String, _ configuration: RouterConfiguration) {
        self.file = file
        var covered: Set<String> = []
        for route in configuration.routes {
            let largest = configuration.maxRecord(ofCluster: route.cluster)
            for test in route.tests {
                // Made again for each, so that tests can't depend on each other.
                let trial = RouteTrial(route: TableBuilder.route(route), maxRecord: largest)
                let result = trial.run(
                    SampledRecord(
                        timestampMilliseconds: Timestamp.nowMilliseconds(), key: test.key.map { Array($0.utf8) },
                        value: test.input.map { Array($0.utf8) },
                        headers: test.headers.map { .init(name: $0.name, value: Array($0.value.utf8)) }),
                    topic: test.topic)
                covered.formUnion(result.steps.map(\.transformer))
                outcomes.append(
                    Outcome(
                        route: route.shownName, test: test.name,
                        place: "\(test.position.file):\(test.position.line):\(test.position.column)",
                        differences: RouteTestJudge.differences(test.expectation, result)))
            }
        }
        uncoveredRoutes = configuration.routes.filter { $0.tests.isEmpty && $0.isEnabled }.map(\.shownName)
        var seen: Set<String> = covered
        uncoveredTransformers = configuration.routes.flatMap(\.steps).map(\.transformer).filter { seen.insert($0).inserted }
    }

    package var text: String {
        var text = ""
        for outcome in outcomes {
            text += "\(outcome.differences.isEmpty ? "ok  " : "FAIL") \(outcome.route): \(outcome.test)\n"
            guard !outcome.differences.isEmpty else { continue }
            text += "     at \(outcome.place)\n" + outcome.differences.map { "     \($0)\n" }.joined()
        }
        text += "\(file): \(outcomes.count - failed) passed, \(failed) failed\n"
        if !uncoveredRoutes.isEmpty { text += "routes without tests: \(uncoveredRoutes.joined(separator: ", "))\n" }
        if !uncoveredTransformers.isEmpty {
            text += "transformers that no test runs: \(uncoveredTransformers.joined(separator: ", "))\n"
        }
        return text
    }
}

/// Compares what a route made of a record with what its test expects.
enum RouteTestJudge {
    static func differences(_ expectation: RouteTest.Expectation, _ result: RouteTrial.Result) -> [String] {
        switch expectation {
        case .error(let code):
            if result.rejections.contains(where: { $0.code.hasSameBytes(as: code) }) { return [] }
            return ["expected the error \(code), got \(described(result))"]
        case .envelopes(let expected):
            return envelopes(expected, result)
        }
    }

    private static func envelopes(_ expected: [ExpectedEnvelope], _ result: RouteTrial.Result) -> [String] {
        var differences: [String] = []
        var rest = result.envelopes
        var unmet: [ExpectedEnvelope] = []
        for envelope in expected {
            if let index = rest.firstIndex(where: { matches(envelope, $0) }) {
                rest.remove(at: index)
            } else {
                unmet.append(envelope)
            }
        }
        for envelope in unmet {
            // The likeliest counterpart is what went to the same channel.
            let index = rest.firstIndex { envelope.channel.map($0.channel.hasSameBytes) ?? true }
            guard let index else {
                differences.append("expected a message\(envelope.channel.map { " to \($0)" } ?? ""), got \(described(result))")
                continue
            }
            differences += details(envelope, rest.remove(at: index))
        }
        differences += rest.map { "unexpected message to \($0.channel): \($0.dataText)" }
        if unmet.isEmpty {
            differences += result.rejections.map { "unexpected error \($0.code): \($0.explanation)" }
        }
        return differences
    }

    private static func matches(_ expected: ExpectedEnvelope, _ actual: RouteTrial.Envelope) -> Bool {
        (expected.channel.map(actual.channel.hasSameBytes) ?? true)
            && (expected.type.map(actual.type.hasSameBytes) ?? true) && dataDifferences(expected, actual).isEmpty
            && deletionDifferences(expected, actual).isEmpty
    }

    private static func details(_ expected: ExpectedEnvelope, _ actual: RouteTrial.Envelope) -> [String] {
        let place = "message to \(actual.channel): "
        var differences: [String] = []
        if let type = expected.type, !type.hasSameBytes(as: actual.type) {
            differences.append("\(place)type is \(actual.type), expected \(type)")
        }
        return differences + (dataDifferences(expected, actual) + deletionDifferences(expected, actual)).map { place + $0 }
    }

    private static func deletionDifferences(_ expected: ExpectedEnvelope, _ actual: RouteTrial.Envelope) -> [String] {
        var differences: [String] = []
        let isDeletion = actual.deletedKey != nil
        if let deleted = expected.deleted, deleted != isDeletion { differences.append("deleted is \(isDeletion), expected \(deleted)") }
        if let key = expected.key, actual.deletedKey?.hasSameBytes(as: key) != true {
            differences.append(actual.deletedKey.map { "key is \($0), expected \(key)" } ?? "key is missing, expected \(key)")
        }
        return differences
    }

    private static func dataDifferences(_ expected: ExpectedEnvelope, _ actual: RouteTrial.Envelope) -> [String] {
        guard let data = expected.data else { return [] }
        return JSONDifference.between(expected: data, actual: String(decoding: actual.data, as: UTF8.self)).map {
            let path = $0.path.isEmpty ? "data" : "data\($0.path)"
            switch ($0.expected, $0.actual) {
            case (let expected?, let actual?): return "\(path) is \(actual), expected \(expected)"
            case (let expected?, nil): return "\(path) is missing, expected \(expected)"
            case (nil, let actual?): return "\(path) is \(actual), expected nothing there"
            case (nil, nil): return "\(path) differs"
            }
        }
    }

    private static func described(_ result: RouteTrial.Result) -> String {
        if let rejection = result.rejections.first {
            return "the error \(rejection.code)\(rejection.field.map { " in \($0)" } ?? ""): \(rejection.explanation)"
        }
        if result.isIgnored { return "nothing: the record is a tombstone, and `tombstones` is `ignore`" }
        if result.isFiltered {
            for case .filtered(let omission) in result.steps.reversed().map(\.outcome) {
                return "nothing: the record was left out by `\(omission.option)`: \(omission.explanation)"
            }
            return "nothing: the record was left out"
        }
        return "messages to \(result.envelopes.map(\.channel).joined(separator: ", "))"
    }
}
