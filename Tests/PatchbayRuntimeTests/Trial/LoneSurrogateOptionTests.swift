import PatchbayAPI
import PatchbayConfig
import TestSupport
import Testing

@testable import PatchbayRuntime

/// `lone_surrogates` is an option of every transformer: one that declares it and forgets it would pass what the file refuses.
@Suite struct LoneSurrogateOptionTests {
    private static let chains: [(name: String, options: String, record: String)] = [
        ("json", "", #"{"a":1}"#), ("filter", "where: .a == 1, ", #"{"a":1}"#), ("pick", "fields: [a, x], ", #"{"a":1}"#),
        ("rename", "fields: { a: b }, ", #"{"a":1}"#), ("token", "", Sample.token), ("trade", "", Sample.trade(1)),
        ("drop", "fields: [a], ", #"{"a":1}"#), ("set", "fields: { b: 1 }, ", #"{"a":1}"#),
        ("convert", "fields: { a: string }, ", #"{"a":1}"#),
        ("flatten", "", #"{"a":1}"#), ("unwrap", "path: a, ", #"{"a":1}"#), ("parse", "fields: [a], ", #"{"a":"1"}"#),
        ("split", "path: a, ", #"{"a":[1]}"#), ("aggregate", "", Sample.aggregate), ("token", "naming: snake_case, ", Sample.token),
        ("dedupe", "key: '{a}', ", #"{"a":1}"#), ("throttle", "", #"{"a":1}"#), ("conflate", "key: '{a}', ", #"{"a":1}"#),
        ("sample", "one_in: 1, ", #"{"a":1}"#),
    ]

    @Test func everyTransformerDoesWhatItSays() throws {
        let transformers = try BuiltinTransformers.set()
        #expect(
            Set(Self.chains.map(\.name))
                == Set(transformers.definitions.filter { $0.options.contains { $0.name == "lone_surrogates" } }.map(\.name)))
        var file = "version: 1\nroutes:\n"
        for (number, chain) in Self.chains.enumerated() {
            let record = chain.record.dropLast() + #","x":"\ud83d"}"#
            for (rule, outcome) in [("pass", "expect: [{ channel: c }]"), ("reject", "error: invalid_json")] {
                file += """
                      - name: \(chain.name)-\(number)-\(rule)
                        topic: t
                        transform: { \(chain.name): { \(chain.options)lone_surrogates: \(rule) } }
                        channel: c
                        tests: [{ input: '\(record)', \(outcome) }]

                    """
            }
        }
        let loaded = ConfigurationLoader.load(text: file, file: "routes.yaml", environment: [:], transformers: transformers)
        let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)")
        let report = RouteTestReport(file: "routes.yaml", configuration)
        #expect(report.failed == 0 && report.outcomes.count == 2 * Self.chains.count, "\(report.text)")
    }
}
