import ArgumentParser
import PatchbayRuntime

/// `--format`, of every command that reports.
struct FormatOption: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "text for people, json for programs.")
    var format = Format.text

    /// Prints a report in the format asked for.
    ///
    /// - Throws: the exit code, after saying why, when it can't be printed.
    func print(text: @autoclosure () -> String, json: @autoclosure () -> some Encodable) throws {
        switch format {
        case .text: try Output.standard(text())
        case .json: try Output.standard(JSONOutput.text(json()) + "\n")
        }
    }
}
