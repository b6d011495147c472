import ArgumentParser

/// `--format`, of every command that reports.
struct FormatOption: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "text for people, json for programs.")
    var format = Format.text

    /// Prints a report in the format asked for.
    func print(text: @autoclosure () -> String, json: @autoclosure () -> some Encodable) {
        switch format {
        case .text: Output.standard(text())
        case .json: Output.standard(JSONOutput.text(json()) + "\n")
        }
    }
}
