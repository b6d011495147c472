/// What all regular expressions of a load may cost together.
///
/// Thread: the one that loads; one instance per load.
final class PatternBudget {
    /// Single characters of all expressions, repetitions written out; compiling takes about a microsecond for each.
    static let characters = 200_000
    /// Comparisons of a topic with an expression.
    static let matches = 2_000_000

    private var characters = PatternBudget.characters
    private var matches = PatternBudget.matches

    /// Whether an expression of this length may still be compiled.
    func compiles(_ length: Int) -> Bool {
        characters -= length
        return characters >= 0
    }

    /// Whether a topic may still be compared with so many expressions.
    func compares(_ count: Int) -> Bool {
        matches -= count
        return matches >= 0
    }
}
