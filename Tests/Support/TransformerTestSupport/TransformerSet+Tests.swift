public import PatchbayAPI

extension TransformerSet {
    /// Those of a test, whose names differ: another one ends the test run.
    public init(tests definitions: [TransformerDefinition]) {
        do throws(Duplicate) {
            try self.init(definitions, from: "the test")
        } catch {
            preconditionFailure(error.description)
        }
    }

    /// These and those of a test, whose names differ: another one ends the test run.
    public static func + (set: TransformerSet, others: [TransformerDefinition]) -> TransformerSet {
        do throws(Duplicate) {
            return try set.adding(TransformerSet(tests: others))
        } catch {
            preconditionFailure(error.description)
        }
    }
}
