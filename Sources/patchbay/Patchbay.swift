import ArgumentParser
import PatchbayAPI
import PatchbayConfig
import PatchbayRuntime

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The command line.
@main
struct Patchbay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patchbay",
        abstract: "Routes Kafka topics to WebSocket channels, as routes.yaml says.",
        discussion: """
            Exit codes: 0 fine; 64 wrong command line; 69 a required service is not available; 70 internal error; \
            74 standard output can't be written; 78 bad configuration.
            """,
        version: RouterService.version,
        subcommands: [
            ServeCommand.self, DemoCommand.self, InitCommand.self, CheckCommand.self, ExplainCommand.self, TestCommand.self,
            RoutesCommand.self, ReloadCommand.self, ConfigCommand.self, SchemaCommand.self, DeadLetterCommand.self, TapCommand.self,
            ProduceCommand.self, HealthCommand.self, PluginCommand.self, ReferenceCommand.self,
        ])

    static func main() async {
        StandardDescriptors.open()
        // A reader that went away, such as `head`, is told by `write`; a signal would end the process without a word.
        signal(SIGPIPE, SIG_IGN)
        if let problem = problem(withCommandIn: CommandLine.arguments.dropFirst()) {
            end(Exit.because(problem, .validationFailure))
        }
        do {
            var command = try await asyncParseAsRoot(nil)
            try await run(&command)
        } catch {
            end(error)
        }
    }

    /// Runs a command; what it throws that is no exit code is turned into a sentence and one.
    private static func run(_ command: inout any ParsableCommand) async throws {
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            switch error {
            case is ExitCode, is ValidationError, is CleanExit: throw error
            default:
                // ArgumentParser's own commands, such as `help`, throw errors of its own.
                if String(reflecting: type(of: error)).hasPrefix("ArgumentParser.") { throw error }
                throw Exit.because(ErrorSentence.of(error), Exit.internalError)
            }
        }
    }

    /// Ends the process with what an error has to say: help goes to standard output, complaints to standard error.
    private static func end(_ error: any Error) -> Never {
        var code = exitCode(for: error)
        let text = fullMessage(for: error)
        if !text.isEmpty {
            if code.isSuccess {
                do { try Output.standard(text + "\n") } catch { code = Exit.inputOutput }
            } else {
                Output.error(text + "\n")
            }
        }
        Self.exit(withError: code)
    }

    /// What is wrong with the name of a command, with a hint: ArgumentParser has hints only for flags.
    static func problem(withCommandIn words: some Sequence<String>) -> String? {
        var command: any ParsableCommand.Type = Self.self
        var path: [String] = []
        for word in words {
            let known = command.configuration.subcommands
            if known.isEmpty || word == "help" || word.hasPrefix("-") { return nil }
            guard let next = known.first(where: { $0.configuration.commandName == word }) else {
                // Commands for contributors are found by those who know them.
                let names = known.filter { $0.configuration.shouldDisplay }.compactMap { $0.configuration.commandName }
                let hint =
                    place(of: word, in: Self.self, path: "patchbay").map { "did you mean `\($0)`?" }
                    ?? Suggestion.nearest(to: word, among: names).map { "did you mean `\((path + [$0]).joined(separator: " "))`?" }
                    ?? "the commands are \(names.map { "`\($0)`" }.joined(separator: ", "))"
                let given = (path + [DisplayText.plain(word)]).joined(separator: " ")
                return "there is no command `\(given)`; \(hint)"
            }
            command = next
            path.append(word)
        }
        return nil
    }

    /// A command of this name among those of another one, such as `patchbay test` for `routes test`.
    private static func place(of word: String, in command: any ParsableCommand.Type, path: String) -> String? {
        for next in command.configuration.subcommands where next.configuration.shouldDisplay {
            guard let name = next.configuration.commandName else { continue }
            if name == word { return "\(path) \(name)" }
            if let found = place(of: word, in: next, path: "\(path) \(name)") { return found }
        }
        return nil
    }
}
