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

    /// Starting is more than a call: a program, its libraries, and the tables that `patchbay_create` reads.
    var startDeadline: Duration { deadline * 10 }
    /// How long a batch may be tried again for.
    var retryTime: Duration { deadline * 10 }
}
