import PatchbayAPI

/// What a plugin says it has.
struct PluginDescription: Sendable {
    /// One transformer, as far as data can say it.
    struct Transformer: Sendable {
        var name: String
        var summary: String
        var type: String?
        var options: [Field] = []
        var shorthand: String?
        var examples: [TransformerExample] = []
        var output = OutputSchema.any
        var wantsHeaders = false
        var wantsTombstones = false
        /// Whether what becomes of a record depends on those before it.
        var remembers = false
        /// Milliseconds between calls of `patchbay_tick`; `nil` for none.
        var tick: Int64?
    }

    /// Bytes of a description.
    static let longest = 1 << 20

    /// Of the plugin's author, for people.
    var version: String?
    /// At least one; names differ.
    var transformers: [Transformer]
}

/// What is wrong with a description.
struct DescriptionProblem: Error, Equatable {
    /// Such as `transformers[0].options[1].kind`; empty for the whole.
    let place: String
    /// Completes "`place` …".
    let problem: String
    let hint: String?

    init(_ place: String, _ problem: String, hint: String? = nil) {
        self.place = place
        self.problem = problem
        self.hint = hint
    }

    var failure: PluginFailure {
        PluginFailure(
            "describes itself wrongly: " + (place.isEmpty ? "the description \(problem)" : "`\(place)` \(problem)"),
            hint: hint ?? "docs/plugins.md lists what a description may say")
    }
}
