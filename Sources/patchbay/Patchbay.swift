import ArgumentParser
import PatchbayConfig

/// The command line.
@main
struct Patchbay: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "patchbay",
        abstract: "Routes Kafka topics to WebSocket channels, as routes.yaml says.",
        discussion: """
            Exit codes: 0 fine; 64 wrong command line; 69 a needed service is not there; 70 internal error; \
            78 bad configuration.
            """,
        version: version,
        subcommands: [
            ServeCommand.self, DemoCommand.self, InitCommand.self, CheckCommand.self, ExplainCommand.self, TestCommand.self,
            RoutesCommand.self, ReloadCommand.self, ConfigCommand.self, SchemaCommand.self, TapCommand.self,
            ProduceCommand.self, HealthCommand.self, ReferenceCommand.self,
        ])

    static func main() async {
        if let problem = problem(withCommandIn: CommandLine.arguments.dropFirst()) {
            exit(withError: Exit.because(problem, .validationFailure))
        }
        await main(nil)
    }

    /// What is wrong with the name of a command, with a hint: ArgumentParser has hints only for flags.
    static func problem(withCommandIn words: some Sequence<String>) -> String? {
        var command: any ParsableCommand.Type = Self.self
        for word in words {
            let known = command.configuration.subcommands
            if known.isEmpty || word == "help" || word.hasPrefix("-") { return nil }
            guard let next = known.first(where: { $0.configuration.commandName == word }) else {
                let names = known.compactMap { $0.configuration.commandName }
                let hint = Suggestion.nearest(to: word, among: names).map { "did you mean `\($0)`?" }
                    ?? "the commands are \(names.map { "`\($0)`" }.joined(separator: ", "))"
                return "there is no command `\(Shown.plain(word))`; \(hint)"
            }
            command = next
        }
        return nil
    }
}
