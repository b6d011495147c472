/// Why a plugin can't be used.
package struct PluginFailure: Error, Equatable, Sendable {
    /// Completes "plugin `x.so` …".
    package let problem: String
    /// What to do about it.
    package let hint: String?

    init(_ problem: String, hint: String? = nil) {
        self.problem = problem
        self.hint = hint
    }
}
