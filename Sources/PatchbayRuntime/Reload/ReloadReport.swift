import Foundation
import PatchbayAPI
import PatchbayConfig

/// The result of a reload, or what it would be.
package struct ReloadReport: Sendable, Codable {
    enum Result: String, Sendable, Codable {
        case applied, refused, unchanged
        case wouldApply = "would_apply"
        case wouldRefuse = "would_refuse"
        case wouldChangeNothing = "would_change_nothing"
    }

    var result: Result
    /// Of the configuration in force now.
    var generation: Int
    var findings: [Finding] = []
    var changes: [ConfigurationDifference.Change] = []
    /// What the change would do to the last records of each topic; only for a preview.
    var preview: [TopicPreview]?

    package var isRefusal: Bool { result == .refused || result == .wouldRefuse }

    var json: String { JSONOutput.text(self) }

    /// For people.
    package var text: String {
        var text = headline + "\n"
        text += findings.map { $0.text + "\n" }.joined()
        text += changes.isEmpty ? "" : ConfigurationDifference.text(of: changes)
        for topic in preview ?? [] { text += topic.text }
        return text
    }

    private var headline: String {
        switch result {
        case .applied: "applied; generation \(generation) is active"
        case .refused: "refused; generation \(generation) stays active"
        case .unchanged: "nothing changed\(waiting); generation \(generation) stays active"
        case .wouldApply: "would be applied (dry run); generation \(generation) is active"
        case .wouldRefuse: "would be refused (dry run); generation \(generation) is active"
        case .wouldChangeNothing: "would change nothing\(waiting) (dry run); generation \(generation) is active"
        }
    }

    private var waiting: String { changes.isEmpty ? "" : " without a restart" }
}

/// A finding as programs take it.
package struct Finding: Sendable, Codable {
    var severity: String
    var file: String?
    var line: Int?
    var column: Int?
    /// The environment variable that it is about, in place of a file.
    var variable: String?
    var message: String
    var hint: String?
    /// The same for people, with the line and a caret.
    let text: String

    package init(_ diagnostic: Diagnostic) {
        severity = diagnostic.severity.rawValue
        file = diagnostic.position?.file
        line = diagnostic.position?.line
        column = diagnostic.position?.column
        variable = diagnostic.variable
        message = diagnostic.message
        hint = diagnostic.hint
        text = DiagnosticRenderer.render(diagnostic)
    }
}

/// What a change of the routes does to the last records of one topic.
struct TopicPreview: Sendable, Codable {
    /// One record of which something else would come.
    struct Example: Sendable, Codable {
        var partition: Int32
        var recordOffset: Int64
        /// Messages as `channel type data`, and errors.
        var before: [String]
        var after: [String]
    }

    /// Examples given per topic.
    static let maximumExamples = 3

    var cluster: String
    var topic: String
    /// Records looked at.
    var records: Int
    /// Those of which something else would come.
    var recordsChanged: Int
    /// Messages more or fewer by channel.
    var messagesByChannel: [ByteString: Int]
    /// Refusals more or fewer by code.
    var errorsByCode: [String: Int]
    var examples: [Example]
    /// Routes of the topic that were not run, because they hold the value of a `${…}`; `nil` when there is none.
    var routesLeftOut: [String]?

    var text: String {
        var text = "topic \(topic): \(recordsChanged) of the last \(Counted.text(records, "record")) would change\n"
        if let routesLeftOut {
            text += "  not run, because of the ${…} in them: \(routesLeftOut.joined(separator: ", "))\n"
        }
        for (channel, count) in messagesByChannel.sorted(by: { $0.key < $1.key }) {
            text += "  channel \(channel): \(count > 0 ? "+" : "")\(Counted.text(count, "message"))\n"
        }
        for (code, count) in errorsByCode.sorted(by: { $0.key < $1.key }) {
            text += "  error \(code): \(count > 0 ? "+" : "")\(count)\n"
        }
        for example in examples {
            text += "  partition \(example.partition), offset \(example.recordOffset):\n"
            text += example.before.map { "    - \($0)\n" }.joined() + example.after.map { "    + \($0)\n" }.joined()
        }
        return text
    }
}

/// JSON for programs: snake_case, sorted, so that outputs can be compared.
package enum JSONOutput {
    package static func text(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        // Reports hold texts and numbers only; nothing of that can fail to encode.
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
