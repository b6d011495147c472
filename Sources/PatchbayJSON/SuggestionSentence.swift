import PatchbayAPI

extension Suggestion {
    /// Names that a hint lists at the most: more are a wall that nobody reads.
    static let mostNames = 12

    /// "did you mean …?", or the candidates when none is near and they are few.
    public static func sentence(for word: String, among candidates: [String]) -> String {
        if let nearest = nearest(to: word, among: candidates) { return "did you mean `\(nearest)`?" }
        guard candidates.count <= mostNames else {
            return "none of the \(candidates.count) names is close; docs/reference/transformers.md lists them"
        }
        return "known are " + candidates.map { "`\($0)`" }.joined(separator: ", ")
    }
}
