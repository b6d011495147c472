/// How a plugin runs in a process beside the router: `isolate: process`.
package struct PluginIsolation: Sendable, Equatable {
    /// How long a call of the plugin may take.
    package var deadline: Duration
    /// Bytes of address space that it may take.
    package var memory: Int
    /// Whether it only runs where the kernel lets it give up its rights.
    package var mustBeConfined: Bool
    /// The program that runs it.
    package var program: String

    package init(deadline: Duration, memory: Int, mustBeConfined: Bool = true, program: String = PluginIsolation.ownProgram) {
        self.deadline = deadline
        self.memory = memory
        self.mustBeConfined = mustBeConfined
        self.program = program
    }

    /// `patchbay-plugin-host` beside the program that runs.
    package static let ownProgram = HelperProgram.path

    var patience: CallPatience { CallPatience(deadline: deadline) }
}
