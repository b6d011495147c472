import Foundation
import Testing

private let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// `CONTRIBUTING.md` leads through the tree as it is.
extension DocumentTests {
    private static func contributing() throws -> String {
        try String(contentsOf: repository.appendingPathComponent("CONTRIBUTING.md"), encoding: .utf8)
    }

    /// What stands between single backticks, outside of fenced blocks.
    private static func quoted(in text: String) -> [String] {
        let prose = text.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 0 }.map(\.element).joined()
        return prose.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    private static func folders(in path: String) throws -> [String] {
        let url = repository.appendingPathComponent(path)
        return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: [.isDirectoryKey]).filter {
            try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true
        }.map(\.lastPathComponent).sorted()
    }

    @Test func thePathsOfContributingAreThere() throws {
        let paths = Self.quoted(in: try Self.contributing()).filter { $0.contains("/") && !$0.contains(" ") && !$0.contains("://") }
            .filter { path in ["Sources", "Plugins", "Tests", "docs"].contains { path.hasPrefix("\($0)/") } }
        #expect(paths.count > 30)
        // NAME stands for the contributor's own.
        for path in paths where !path.contains("NAME") {
            #expect(FileManager.default.fileExists(atPath: repository.appendingPathComponent(path).path), "\(path)")
        }
    }

    /// The tour has a row for each target, which names the target's folders.
    @Test func theTourOfContributingIsTheTree() throws {
        let rows = try Self.contributing().split(separator: "\n").filter { $0.hasPrefix("| `") }.map { Self.quoted(in: String($0)) }
        let told = Dictionary(rows.map { ($0[0], Set($0.dropFirst())) }, uniquingKeysWith: { $0.union($1) })
        for parent in ["Sources", "Plugins"] {
            for target in try Self.folders(in: parent) {
                let names = told["\(parent)/\(target)"]
                #expect(names != nil, "\(parent)/\(target) is not in the tour")
                // C targets, and what comes with a plugin, have folders that SwiftPM or the tests ask for.
                guard let names, parent == "Sources", target.hasPrefix("Patchbay") || target == "patchbay" else { continue }
                let folders = Set(try Self.folders(in: "\(parent)/\(target)").filter { !$0.hasSuffix(".docc") }.map { "\($0)/" })
                #expect(names.filter { $0.hasSuffix("/") } == folders, "\(parent)/\(target)")
            }
        }
    }
}
