import GenericTransformers
import PatchbayAPI
import PatchbayCore
import PatchbayJSON

/// Which lines `tap` prints: those for which a condition of the transformer `filter` holds, and those with a text in them.
package final class LineFilter {
    private let trial: RouteTrial?
    private let text: [UInt8]?
    private var hasTold = false
    private var missing: MissingFields?

    /// - Parameter inner: the member of a line that holds what people look for: `data` of a message, `value` of a record.
    /// - Throws: `OptionError` when the condition is none.
    package init(condition: String?, text: String?, inner: String) throws(OptionError) {
        self.text = text.map { Array($0.utf8) }
        guard let condition else {
            trial = nil
            return
        }
        let definition = FilterTransformer.definition
        let factory: TransformerDefinition.Factory
        do throws(OptionError) {
            factory = try definition.configure(OptionValues(["where": .string(condition)]))
        } catch {
            throw OptionError(option: error.option, message: error.message, hint: error.hint.map { Self.within(inner, $0) })
        }
        trial = RouteTrial(
            route: Route(
                name: definition.name, topic: "tap", type: "message", channels: ["tap"], makeTransformer: factory),
            maxRecord: 1 << 30)
        missing = MissingFields(FilterFields(of: condition), inner: inner)
    }

    /// Whether a line is wanted. One on which the condition fails is not, which is told once through `tell`, as are fields that
    /// the lines don't have.
    package func passes(_ line: String, tell: (String) -> Void) -> Bool {
        missing?.look(at: line).map(tell)
        if let text, !contains(line, text) { return false }
        guard let trial else { return true }
        let result = trial.run(SampledRecord(key: nil, value: Array(line.utf8)), topic: "tap")
        if let rejection = result.rejections.first, !hasTold {
            hasTold = true
            tell("lines on which --where fails are left out; the first: \(rejection.explanation)")
        }
        return !result.envelopes.isEmpty
    }

    /// Fields of a line itself: of a message, and of a record of a topic.
    private static let outer = [
        "data": ["type", "channel", "data", "timestamp"],
        "value": ["topic", "partition", "offset", "timestamp", "key", "headers", "value"],
    ]

    /// A hint names the field of a record: here that is below `inner`, unless the line itself has one of that name.
    private static func within(_ inner: String, _ hint: String) -> String {
        guard let place = hint.firstMatch(of: #/(did you mean|compare a field, as) `.*?\.(?<name>[A-Za-z_][A-Za-z_0-9]*)/#) else {
            return hint
        }
        let name = place.output.name
        if outer[inner]?.contains(String(name)) == true { return hint }
        return hint[..<name.startIndex] + "\(inner)." + hint[name.startIndex...]
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
