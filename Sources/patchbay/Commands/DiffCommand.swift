import ArgumentParser
import Foundation
import PatchbayConfig
import PatchbayRuntime

/// `patchbay routes`: commands about routes files as a whole.
struct RoutesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes", abstract: "Compare routes files.",
        discussion: "`patchbay test` runs the tests that routes have, `patchbay check` finds mistakes.", subcommands: [DiffCommand.self])
}

/// `patchbay routes diff`: what a reload would change.
struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what a reload would change when NEW replaces OLD.",
        discussion: """
            Lines begin with + for what is added, - for what is removed, ~ for what changes; changes that need a restart \
            are marked. To see what would happen to live records, ask a running server: patchbay reload --dry-run.

            Exit codes: 0 no difference; 1 a difference; 78 one of the files has errors.
            """)

    @Argument(help: "The file as it is.") var old: String
    @Argument(help: "The file as it would be.") var new: String
    @OptionGroup var format: FormatOption

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        // Both are read before one is given up, so that all that is wrong is said.
        let loaded = [old, new].map { path in
            Result { try ConfigurationFile.load(path, environment: environment) }
        }
        let (before, after) = (try loaded[0].get(), try loaded[1].get())
        let difference = ConfigurationDifference(from: before, to: after)
        try format.print(text: difference.isEmpty ? "no difference\n" : difference.text, json: difference)
        if !difference.isEmpty { throw ExitCode(1) }
    }
}
