import PatchbayAPI
import PatchbayConfig
import PatchbaySettings

/// What must hold of every load, whatever the files are. Shared by the fuzzer (Tests/Fuzz) and the test that replays its
/// corpus.
enum FuzzTarget {
    /// What an input with several files has before each but the first: this and the file's path, on a line of its own.
    static let separator = "%%% "
    static let main = "routes.yaml"
    /// The content of `/secret`, which nothing may show.
    static let secret = "hunter2-4711"

    /// Loads an input without looking at the machine's files or environment; returns what doesn't hold, if anything.
    static func check(_ input: [UInt8]) -> String? {
        var files = files(of: input)
        let main = files[Self.main] ?? []
        files["/secret"] = Array(secret.utf8)
        let result = ConfigurationLoader.load(
            path: Self.main, environment: ["A": "7", "EMPTY": "", "LIST": "a:1,b:2"], transformers: FuzzTransformers.all,
            files: .memory(files))

        let errors = result.diagnostics.count { $0.severity == .error }
        if (result.configuration == nil) != (errors > 0) { return "no answer" }
        if result.configuration == nil, !result.origins.isEmpty { return "origins of nothing" }
        for finding in result.diagnostics where !isSound(finding, files) { return "finding out of place: \(finding)" }
        if !isSorted(result.diagnostics) { return "findings out of order" }
        let shown = DiagnosticRenderer.render(result.diagnostics, file: Self.main)
        if shown.isEmpty != result.diagnostics.isEmpty { return "nothing to show" }
        if let control = shown.unicodeScalars.first(where: { $0.value < 0x20 && $0 != "\n" && $0 != "\t" }) {
            return "control character \(control.value) on the terminal"
        }
        guard let configuration = result.configuration else { return leak(shown, input) }
        if let problem = problem(configuration, main) { return problem }
        let difference = ConfigurationDifference(from: configuration, to: configuration)
        if !difference.isEmpty { return "differs from itself: \(difference.text)" }
        let added = ConfigurationDifference(from: empty(configuration), to: configuration).text
        return leak(shown + added + "\(result.origins.map(\.value))", input)
    }

    /// The files of an input, by path.
    static func files(of input: [UInt8]) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        var name = main
        var lines: [ArraySlice<UInt8>] = []
        let marker = Array(separator.utf8)
        for line in input.split(separator: 0x0A, omittingEmptySubsequences: false) {
            guard line.starts(with: marker) else {
                lines.append(line)
                continue
            }
            files[name] = Array(lines.joined(separator: [0x0A]))
            name = String(decoding: line.dropFirst(marker.count), as: UTF8.self)
            lines = []
        }
        files[name] = Array(lines.joined(separator: [0x0A]))
        return files
    }

    private static func problem(_ configuration: RouterConfiguration, _ main: [UInt8]) -> String? {
        let names = configuration.routes.map(\.name)
        if Set(names).count != names.count { return "two routes of one name" }
        if !configuration.routes.contains(where: \.isEnabled) { return "no enabled route" }
        let clusters = configuration.clusters.map(\.name)
        if Set(clusters).count != clusters.count || clusters.first != "default" { return "clusters \(clusters)" }
        let plain = configuration.routes.filter(\.isEnabled).flatMap(\.channels).filter(\.isPlain).map(\.text)
        if Set(plain) != Set(configuration.channels.map(\.name)) { return "channels \(plain)" }
        for route in configuration.routes {
            if !clusters.contains(route.cluster) { return "dangling cluster" }
            if route.topics.isEmpty || route.steps.isEmpty || route.channels.isEmpty { return "empty route" }
            if !route.isEquivalent(to: route) { return "a route differs from itself" }
            if case .deadLetter(let topic) = route.onError, route.topics.contains(where: { $0.matches(topic) }) { return "loop" }
            if route.templateBuffer < 1 || route.maxChannels < 1 { return "limits out of range" }
            for test in route.tests where !route.topics.contains(where: { $0.matches(test.topic) }) { return "test of another topic" }
        }
        return nil
    }

    private static func empty(_ configuration: RouterConfiguration) -> RouterConfiguration {
        RouterConfiguration(
            server: configuration.server, limits: LimitSettings(), admin: configuration.admin, reload: configuration.reload,
            alerts: AlertSettings(), clusters: [configuration.clusters[0]], channels: [], routes: [])
    }

    private static func leak(_ shown: String, _ input: [UInt8]) -> String? {
        guard !String(decoding: input, as: UTF8.self).contains("hunter2") else { return nil }
        return shown.contains("hunter2") ? "the secret is shown: \(shown)" : nil
    }

    private static func isSound(_ finding: Diagnostic, _ files: [String: [UInt8]]) -> Bool {
        guard !finding.message.isEmpty else { return false }
        guard let position = finding.position else { return true }
        guard let bytes = files[position.file] else { return false }
        let breaks: Set<UInt8> = [0x0A, 0x0D, 0x85, 0xA8, 0xA9]
        let lines = bytes.count { breaks.contains($0) } + 1
        guard (1...lines + 1).contains(position.line), position.column >= 1 else { return false }
        return finding.sourceLine.map { position.column <= $0.unicodeScalars.count + 1 } ?? true
    }

    private static func isSorted(_ findings: [Diagnostic]) -> Bool {
        zip(findings, findings.dropFirst()).allSatisfy { earlier, later in
            // The last one may say that there are more.
            guard let b = later.position else { return earlier.position == nil || later == findings.last }
            guard let a = earlier.position, a.file == b.file else { return true }
            return (a.line, a.column) <= (b.line, b.column)
        }
    }
}
