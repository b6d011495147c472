import ArgumentParser
import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayRuntime

/// `patchbay check`: everything that is wrong with configuration files.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find everything that is wrong with routes files, without starting anything.",
        discussion: """
            Prints one finding after the other as `file:line:col: error: text`, with the line, a caret and a hint. Makes \
            no network connections unless --live is given: then the brokers are asked whether the topics exist, and each \
            is tried at the address that it advertises. A demo's brokers are at the address that it prints when it starts: \
            KAFKA_BROKERS=127.0.0.1:PORT patchbay check --live

            Exit codes: 0 no errors (warnings may have been printed); 69 --live and a cluster can't be reached; \
            74 standard output can't be written; 78 errors were found.
            """)

    @Argument(help: "Routes files; routes.yaml when none is given.")
    var files: [String] = []

    @Flag(help: "Also ask the brokers: can they be reached, do the topics exist?")
    var live = false

    @Option(help: "Seconds to wait for the brokers of each cluster, with --live.")
    var timeout = 5

    @OptionGroup var format: FormatOption

    func validate() throws {
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
    }

    /// The result for one file.
    struct Report: Encodable {
        var file: String
        var isValid: Bool
        var findings: [Finding]
        /// Clusters that could not be reached.
        var unreachable: [String]
        var routes: Int?
        /// Those with a plain name.
        var channels: Int?
        /// Those that make channels as records come.
        var templates: Int?
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let transformers = try BuiltinTransformers.registered()
        var reports: [Report] = []
        var text = ""
        for file in files.isEmpty ? ["routes.yaml"] : files {
            let loaded = ConfigurationFile.read(file, environment: environment, transformers: transformers)
            var findings = loaded.findings
            var unreachable: [String] = []
            if live, let configuration = loaded.configuration {
                for cluster in configuration.clusters {
                    let answer = LiveCheck.run(
                        cluster, of: configuration, variable: environment["KAFKA_BROKERS"] ?? "", timeout: .seconds(timeout))
                    findings += loaded.sources.withLines(answer.findings)
                    if let reason = answer.unreachable { unreachable.append(reason) }
                }
            }
            let report = Report(
                file: file, isValid: !findings.contains { $0.severity == .error }, findings: findings.map(Finding.init),
                unreachable: unreachable, routes: loaded.configuration?.routes.count,
                channels: loaded.configuration?.channels.count,
                templates: loaded.configuration.map { Self.templates(of: $0) })
            reports.append(report)
            text += Self.text(report, findings)
        }
        try format.print(text: text, json: reports)
        if reports.contains(where: { !$0.isValid }) { throw Exit.configuration }
        if reports.contains(where: { !$0.unreachable.isEmpty }) { throw Exit.unavailable }
    }

    private static func text(_ report: Report, _ findings: [Diagnostic]) -> String {
        var text = DiagnosticRenderer.render(findings, file: report.file)
        for reason in report.unreachable { text += "\(report.file): \(reason)\n" }
        if report.isValid, report.unreachable.isEmpty { text += "\(report.file): ok, \(contents(of: report))\n" }
        return text
    }

    /// Such as `2 routes, 1 channel, 1 template`.
    private static func contents(of report: Report) -> String {
        var parts = [Counted.text(report.routes ?? 0, "route")]
        let templates = report.templates ?? 0
        // With templates alone "0 channels" would sound as if nothing could be subscribed to.
        if let channels = report.channels, channels > 0 || templates == 0 { parts.append(Counted.text(channels, "channel")) }
        if templates > 0 { parts.append("\(Counted.text(templates, "template")) for channels") }
        return parts.joined(separator: ", ")
    }

    private static func templates(of configuration: RouterConfiguration) -> Int {
        Set(configuration.routes.flatMap(\.channels).filter { !$0.isPlain }.map { Array($0.text.utf8) }).count
    }
}
