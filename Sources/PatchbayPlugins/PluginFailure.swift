internal import CPatchbayPlugin

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

    static func otherABI(_ version: UInt32) -> PluginFailure {
        PluginFailure(
            "is made for version \(version) of the plugin interface, and this Patchbay has version \(PATCHBAY_ABI)",
            hint: "build it with the patchbay_plugin.h of this Patchbay, or use the Patchbay that it is for")
    }
}
