/// Finds what somebody probably meant.
public enum Suggestion {
    /// Names that a hint lists at the most: more are a wall that nobody reads.
    static let mostNames = 12

    /// "did you mean …?", or the candidates when none is near and they are few.
    public static func sentence(for word: String, among candidates: [String]) -> String {
        if let nearest = nearest(to: word, among: candidates) { return "did you mean `\(nearest)`?" }
        guard candidates.count <= mostNames else {
            return "none of the \(candidates.count) names is near; they are in docs/reference/transformers.md"
        }
        return "known are " + candidates.map { "`\($0)`" }.joined(separator: ", ")
    }

    /// The candidate that needs the fewest edits, if that is at most a third of its length. Case doesn't count.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        // Longer words are no slip of the pen, and the table of edits grows with them.
        guard word.utf8.count <= 64 else { return nil }
        let lowercased = Array(word.lowercased())
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = edits(from: lowercased, to: Array(candidate.lowercased()))
            guard distance <= max(1, candidate.count / 3) else { continue }
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// Levenshtein distance.
    private static func edits(from source: [Character], to target: [Character]) -> Int {
        var previous = Array(0...target.count)
        for (row, character) in source.enumerated() {
            var current = [row + 1]
            for (column, other) in target.enumerated() {
                let replaced = previous[column] + (character == other ? 0 : 1)
                current.append(min(replaced, previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[target.count]
    }
}
