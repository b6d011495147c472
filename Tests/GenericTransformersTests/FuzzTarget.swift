import PatchbayAPI
import TransformerTestSupport

/// What the fuzzer (Tests/Fuzz) runs.
enum FuzzTarget {
    /// What stands between the parts of an input: a key, and then records; one that is empty has no value.
    private static let separator: UInt8 = 0x1E

    /// Made once, where nothing is remembered from record to record: to compile an expression takes longer than an input.
    /// Sound without a lock, since the fuzzer has one thread.
    nonisolated(unsafe) private static var kept: [Int: any Transformer] = [:]

    /// Gives the records to each step, and says what must not be; see `FuzzedStep`.
    static func check(_ input: [UInt8]) -> String? {
        let parts = input.split(separator: separator, maxSplits: 20, omittingEmptySubsequences: false).map(Array.init)
        let key = parts.first ?? []
        let records = parts.dropFirst().map { $0.isEmpty ? nil : $0 }
        var emitted = 0
        for (number, step) in FuzzedSteps.all.enumerated() {
            do throws(OptionError) {
                if let problem = step.problem(of: try transformer(number), with: records, key: key.isEmpty ? nil : key, emitted: &emitted) {
                    return "\(step): \(problem)"
                }
            } catch {
                return "\(step): \(error)"
            }
        }
        return nil
    }

    private static func transformer(_ number: Int) throws(OptionError) -> any Transformer {
        let step = FuzzedSteps.all[number]
        if ["dedupe", "throttle", "conflate", "sample"].contains(step.definition.name) { return try step.make() }
        if let known = kept[number] { return known }
        let made = try step.make()
        kept[number] = made
        return made
    }
}
