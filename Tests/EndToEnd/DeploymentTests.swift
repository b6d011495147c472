import ArgumentParser
import Foundation
import PatchbayReference
import Testing

@testable import PatchbayRuntime
@testable import patchbay

/// The shipped files for containers, Kubernetes and systemd say what this program understands.
@Suite struct DeploymentTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func file(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    private func matches(_ pattern: Regex<(Substring, Substring)>, in text: Substring) -> [String] {
        text.matches(of: pattern).map { String($0.output.1) }
    }

    /// A misspelt variable would be ignored without a word.
    @Test func everyVariableSetThereIsDocumented() throws {
        let compose = try file("docker-compose.yml")
        let own = try #require(compose.range(of: "\n  patchbay:")).lowerBound
        let image = try #require(try file("Dockerfile").split(separator: "\nENV ").last?.split(separator: "\n").first)
        let variables = [
            "docs/operations/kubernetes.yaml": matches(
                /name: ([A-Z][A-Z_]+)/, in: try file("docs/operations/kubernetes.yaml")[...]),
            "docs/operations/patchbay.service": matches(
                /Environment=([A-Z_]+)=/, in: try file("docs/operations/patchbay.service")[...]),
            "docker-compose.yml": matches(#/ ([A-Z][A-Z_]+): /#, in: compose[own...]),
            "Dockerfile": matches(/([A-Z_]+)=/, in: image),
        ]
        let documented = EnvironmentReference.markdown()
        for (path, names) in variables {
            #expect(!names.isEmpty, "\(path)")
            // Only there to make another one of it.
            for name in names where name != "POD_NAME" { #expect(documented.contains("`\(name)`"), "\(path): \(name)") }
        }
        for word in LogFormat.allCases { #expect(documented.contains("`\(word.rawValue)`")) }
    }

    @Test func theCommandsThereAreOnesOfOurs() throws {
        let unit = try file("docs/operations/patchbay.service")
        let start = try #require(matches(/ExecStart=\S+ (.*)/, in: unit[...]).first)
        _ = try Patchbay.parseAsRoot(start.split(separator: " ").map(String.init))
        // systemd tries again after a failed ExecStartPre, whatever RestartPreventExitStatus says.
        #expect(!unit.contains("\nExecStartPre="))
        let pods = try #require(matches(/args: \[(.*)\]/, in: try file("docs/operations/kubernetes.yaml")[...]).first)
        _ = try Patchbay.parseAsRoot(pods.components(separatedBy: ", "))
        let image = try file("Dockerfile")
        for command in matches(/CMD \[(.*)\]/, in: image[...]) {
            var words = command.components(separatedBy: ", ").map { $0.trimmingCharacters(in: ["\""]) }
            if words.first == "patchbay" { words.removeFirst() }
            _ = try Patchbay.parseAsRoot(words)
        }
        #expect(matches(/CMD \[(.*)\]/, in: image[...]).count == 2)
    }

    /// The image's health check asked for `/health`, which is 503 while no broker answers: supervisors restarted a process
    /// that only had to wait, and its clients lost their connections. Being alive is what decides about restarts,
    /// everywhere.
    @Test func healthChecksAskWhetherTheProcessIsAlive() throws {
        let image = try file("Dockerfile")
        let check = try #require(image.split(separator: "\n").first { $0.hasPrefix("HEALTHCHECK ") })
        #expect(check.hasSuffix(#"CMD ["patchbay", "health", "--live"]"#), "\(check)")
        let pods = try file("docs/operations/kubernetes.yaml")
        let probes = pods.matches(of: /(startup|liveness|readiness)Probe:\s+httpGet: { path: (\S+),/)
        #expect(
            probes.map { "\($0.output.1) \($0.output.2)" } == ["startup /health/live", "liveness /health/live", "readiness /health/ready"])
        // Compose takes the image's check; one of its own would win.
        let compose = try file("docker-compose.yml")
        let own = try #require(compose.range(of: "\n  patchbay:")).lowerBound
        #expect(!compose[own...].contains("healthcheck:"))
    }

    /// `make run PORT=9000` worked and was written nowhere; the second terminal then asked port 8080.
    @Test func thePortOfTheDemoIsInTheReadmeAndInTheHelp() throws {
        let readme = try file("README.md")
        #expect(readme.contains("`make run PORT=9000`") && readme.contains("`export PORT=9000`"))
        let help = try file("Makefile").split(separator: "\n").prefix { $0.hasPrefix("#") }.joined(separator: "\n")
        #expect(help.contains("PORT=9000 for another port") && help.contains("PORT=9000 .build/release/patchbay tap dashboard"))
        // `PORT` alone makes the commands of that terminal ask there.
        #expect(EnvironmentReference.markdown().contains("`PORT`"))
    }

    /// A library that is added has to be in the image, too.
    @Test func theImageIsBuiltWithWhatMakeInstalls() throws {
        let image = try file("Dockerfile")
        let packages = try #require(matches(/\nPACKAGES := (.*)/, in: try file("Makefile")[...]).first)
        for package in packages.split(separator: " ") { #expect(image.contains("\(package)"), "\(package)") }
        #expect(image.contains("\nUSER 10001\n") && image.contains("\nEXPOSE 8080\n") && image.contains("PORT=8080"))
    }
}
