import GenericTransformers
import PatchbayAPI
import PatchbayCore

/// Which lines `tap` prints: those for which a condition of the transformer `filter` holds, and those with a text in them.
final class LineFilter {
    private let trial: RouteTrial?
    private let text: [UInt8]?
    private var hasTold = false

    /// - Throws: `OptionError` when the condition is none.
    init(condition: String?, text: String?) throws(OptionError) {
        self.text = text.map { Array($0.utf8) }
        guard let condition else {
            trial = nil
            return
        }
        let definition = FilterTransformer.definition
        let factory = try definition.configure(OptionValues(["where": .string(condition)]))
        trial = RouteTrial(
            route: Route(
                name: definition.name, topic: "tap", type: "message", channels: ["tap"], makeTransformer: factory),
            maximumRecordBytes: 1 << 30)
    }

    /// Whether a line is wanted. One on which the condition fails is not, which is told once through `tell`.
    func passes(_ line: String, tell: (String) -> Void) -> Bool {
        if let text, !contains(line, text) { return false }
        guard let trial else { return true }
        let result = trial.run(SampledRecord(key: nil, value: Array(line.utf8)), topic: "tap")
        if let rejection = result.rejections.first, !hasTold {
            hasTold = true
            tell("lines on which --where fails are left out; the first: \(rejection.explanation)")
        }
        return !result.envelopes.isEmpty
    }

    private func contains(_ line: String, _ text: [UInt8]) -> Bool {
        guard let first = text.first else { return true }
        var line = line
        return line.withUTF8 { bytes in
            var start = 0
            while let place = bytes[start...].firstIndex(of: first) {
                guard place + text.count <= bytes.count else { return false }
                if bytes[place..<place + text.count].elementsEqual(text) { return true }
                start = place + 1
            }
            return false
        }
    }
}
