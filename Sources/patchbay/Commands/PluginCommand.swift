import ArgumentParser
import Foundation
import PatchbayPlugins
import PatchbayRuntime

/// `patchbay plugin`: for those who write transformers outside of this repository.
struct PluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "Begin a plugin, and try one out.",
        discussion: "docs/plugins.md leads from an empty folder to a running plugin.",
        subcommands: [PluginNewCommand.self, PluginTestCommand.self, PluginHeaderCommand.self])
}

/// `patchbay plugin new`: the files of a plugin that builds.
struct PluginNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Write a plugin that builds and has a test, to begin from.",
        discussion: """
            Makes the folder NAME with the source, a Makefile and a routes file; `make` builds the plugin, `make test` tries it \
            out. Nothing that is there is written over.

            Exit codes: 0 written; 64 the name can't be one; 69 it is there already, or a file can't be written.
            """)

    @Option(help: "c, swift or rust; c-wasm or swift-wasm for WebAssembly.")
    var language: PluginScaffold.Language

    @Argument(help: "What routes call the transformer: lower-case words joined by `_`.")
    var name: String

    func validate() throws {
        if let problem = PluginScaffold.problem(withName: name, besides: try BuiltinTransformers.registered()) {
            throw ValidationError(problem)
        }
    }

    func run() throws {
        let folder = URL(fileURLWithPath: name)
        guard !FileManager.default.fileExists(atPath: name) else {
            throw Exit.because("\(name) is there already: give the plugin another name, or move what is there away", Exit.unavailable)
        }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            for file in PluginScaffold.files(name, in: language) {
                try Data(file.text.utf8).write(to: folder.appendingPathComponent(file.name), options: .withoutOverwriting)
            }
        } catch {
            throw Exit.because("can't write \(name): \(ErrorSentence.of(error))", Exit.unavailable)
        }
        try Output.standard("\(name) is ready: cd \(name) && make && make test\n")
    }
}

extension PluginScaffold.Language: ExpressibleByArgument {}

/// `patchbay plugin test`: whether a plugin keeps to the contract.
struct PluginTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Try a plugin out: its examples, hostile records, memory, threads; and what a record costs.",
        discussion: """
            The plugin runs in a process of its own, whose end is a check that failed. Keys and values lie where reading a byte \
            too far ends it. A plugin that is built with -fsanitize=address runs with its compiler's run-time library, which also sees
            what it does to its own memory, and says so on standard error.

            Exit codes: 0 all checks pass, or are skipped with a reason; 1 one fails, or can't be tried for want of options; 64 \
            --options is no JSON object; 69 the file can't be read.
            """)

    @Argument(help: "The plugin's file.")
    var file: String

    @Option(
        help: """
            Options as a JSON object, in place of those of the first example. They are checked against the description; time spans are \
            milliseconds, and sizes are bytes.
            """)
    var options: String?

    @Option(help: "Seconds that one check may take.")
    var timeout = 30

    @Flag(help: .hidden)
    var here = false

    @OptionGroup var format: FormatOption

    func validate() throws {
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
        if let options, let problem = PluginConformance.problem(withOptions: Array(options.utf8)) {
            throw ValidationError("--options must be a JSON object, such as '{\"limit\":5}': \(problem)")
        }
    }

    func run() throws {
        do throws(PluginTrial.Failure) {
            guard !here else {
                return try PluginTrial.here(file, options: options) { line in
                    FileHandle.standardOutput.write(Data(line.utf8))
                }
            }
        } catch {
            throw Exit.because(error.sentence, Exit.unavailable)
        }
        let report: PluginTrial.Report
        do throws(PluginTrial.Failure) {
            let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
            let command = [program, "plugin", "test", "--here", file] + (options.map { ["--options", $0] } ?? [])
            report = try PluginTrial.run(file, command: command, patience: .seconds(timeout))
        } catch {
            throw Exit.because(error.sentence, Exit.unavailable)
        }
        try format.print(text: report.text, json: report)
        if report.hasFailed { throw ExitCode(1) }
    }
}

/// `patchbay plugin header`: for those who bind another language.
struct PluginHeaderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "header", abstract: "Print patchbay_plugin.h, which says what the rules are.", discussion: "Exit codes: 0 printed.")

    func run() throws { try Output.standard(PluginHeader.text) }
}
