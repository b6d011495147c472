/// The known name nearest to a misspelt one, for hints.
public enum Suggestion {
    /// `nil` when nothing is near: at most one slip in three characters, and never more than three.
    public static func nearest(to given: String, among known: some Sequence<String>) -> String? {
        let wanted = normal(given)
        // Long names cost the square of their length and are no slip of anything known.
        guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
        var best: (name: String, distance: Int)?
        for name in known where name != given {
            let candidate = normal(name)
            guard candidate.count <= 64 else { continue }
            let allowed = min(3, max(1, max(wanted.count, candidate.count) / 3))
            guard abs(wanted.count - candidate.count) <= allowed else { continue }
            let distance = distance(wanted, candidate)
            if distance <= allowed && distance < best?.distance ?? .max { best = (name, distance) }
        }
        return best?.name
    }

    /// Spelling habits that are no slips: case, and `-` for `_`.
    private static func normal(_ name: String) -> [Character] {
        name.lowercased().map { $0 == "-" ? "_" : $0 }
    }

    /// Damerau–Levenshtein in its optimal string alignment form: insertions, deletions, replacements and swapped neighbours.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var beforePrevious = [Int](repeating: 0, count: b.count + 1)
        var previous = Array(0...b.count)
        for i in 1...a.count {
            var current = [Int](repeating: i, count: b.count + 1)
            for j in 1...b.count {
                let cost = a[i - 1] == b[j - 1] ? 0 : 1
                current[j] = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    current[j] = min(current[j], beforePrevious[j - 2] + 1)
                }
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[b.count]
    }
}
