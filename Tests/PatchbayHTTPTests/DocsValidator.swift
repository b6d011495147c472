import Foundation
import TestSupport
import Testing

/// Runs Tests/Browser/validate_documents.py: validators that are not ours.
enum DocsValidator {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Writes each text into a file, hands the files over, and returns what the script has to say; empty when all is well.
    static func complaints(of texts: [String], arguments: [String] = []) async throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docs-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var paths: [String] = []
        for (index, text) in texts.enumerated() {
            let file = folder.appendingPathComponent("\(index).json")
            try Data(text.utf8).write(to: file)
            paths.append(file.path)
        }
        // `make setup-tests` puts the validators into .venv; without it, they may be where python3 finds them.
        let own = root.appendingPathComponent(".venv/bin/python").path
        let python = FileManager.default.isExecutableFile(atPath: own) ? [own] : ["/usr/bin/env", "python3"]
        let command = python + [root.appendingPathComponent("Tests/Browser/validate_documents.py").path] + arguments + paths
        let result = try await ExternalProgram.run(command)
        return result.status == 0 ? "" : "\(result.said)(exit \(result.status))"
    }
}
