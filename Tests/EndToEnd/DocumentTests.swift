import Foundation
import PatchbayAPI
import PatchbayConfig
import TestSupport
import Testing

@testable import PatchbayDelivery
@testable import PatchbayHTTP
@testable import PatchbayRuntime
@testable import patchbay

/// What the documents say must be what the program does.
@Suite struct DocumentTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func document(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test func errorCodesAreTheTableInTheSource() throws {
        let text = try document("docs/protocol.md")
        var messages = "| `code` | Why |\n|---|---|\n"
        var handshakes = "| HTTP | `code` | Why |\n|---|---|---|\n"
        for code in ErrorCode.all {
            switch code.place {
            case .message: messages += "| `\(code.code)` | \(code.meaning) |\n"
            case .handshake(let status): handshakes += "| \(status) | `\(code.code)` | \(code.meaning) |\n"
            case .endpoint, .admin: break
            }
        }
        #expect(text.contains(messages), "docs/protocol.md lacks:\n\(messages)")
        #expect(text.contains(handshakes), "docs/protocol.md lacks:\n\(handshakes)")
    }

    @Test func closeCodesAreTheTableInTheSource() throws {
        let text = try document("docs/protocol.md")
        let expected = CloseCode.all.map { "| \($0.number) | \($0.meaning) |\n" }.joined()
        #expect(text.contains("| Code | Meaning |\n|---|---|\n\(expected)<!-- /close-codes -->"))
    }

    /// The reference is generated: a changed declaration has to be in it.
    @Test func theGeneratedReferenceIsCurrent() throws {
        let pages = try GeneratedReference.pages(of: BuiltinTransformers.set())
        #expect(pages.count >= 5)
        for page in pages {
            let path = "docs/reference/\(page.name)"
            #expect(try document(path) == page.text, "\(path) is stale: run `make docs`")
        }
    }

    /// A validator that is not ours checks the shipped files, and those that `init` writes, by the schema of the real
    /// transformers.
    @Test func theShippedFilesFitTheSchema() async throws {
        let kafka = try TestKafka(topics: [("trade-info", 1), ("mixed", 1)])
        defer { kafka.close() }
        try kafka.produce("trade-info", [Sample.trade(0), Sample.trade(1)])
        try kafka.produce("mixed", ["{\"a\":1}", "no json"])
        var written: [String: String] = [:]
        for arguments in [[], ["--from-topic", "trade-info"], ["--from-topic", "mixed"]] {
            let brokers = arguments.isEmpty ? [] : ["--brokers", kafka.brokers]
            let program = try PatchbayProgram(["init", "--output", "-"] + arguments + brokers)
            #expect(try await program.exitCode() == 0, "\(program.text)")
            written["init \(arguments.joined(separator: " "))"] = program.text
        }
        let script = """
            import json, re, sys, yaml
            from jsonschema import Draft202012Validator
            schema = json.load(open("docs/reference/routes.schema.json"))
            Draft202012Validator.check_schema(schema)
            validator = Draft202012Validator(schema)
            files = {"routes.yaml": open("routes.yaml").read()}
            for path in ["docs/routes.md"]:
                for number, block in enumerate(re.findall("```yaml\\n(version: 1.*?)```", open(path).read(), re.S)):
                    files[f"{path}#{number}"] = block
            for document in yaml.safe_load_all(open("docs/operations/kubernetes.yaml")):
                if document["kind"] == "ConfigMap": files["kubernetes.yaml"] = document["data"]["routes.yaml"]
            files.update(json.load(sys.stdin))
            assert len(files) == 6, f"something is not found: {files.keys()}"
            for name, text in files.items():
                for error in validator.iter_errors(yaml.safe_load(text)):
                    sys.exit(f"{name}: {error.json_path}: {error.message}")
            broken = yaml.safe_load(files["routes.yaml"].replace("channel: ", "chanel: "))
            if validator.is_valid(broken): sys.exit("a typo is not found")
            """
        let result = try await ExternalProgram.run(
            ["/usr/bin/python3", "-c", script], input: String(decoding: try JSONEncoder().encode(written), as: UTF8.self),
            in: Self.root)
        #expect(result.status == 0, "\(result.said)")
    }

    @Test func transformersHaveNamesOfTheirOwn() {
        #expect(throws: Never.self) { _ = try BuiltinTransformers.set() }
    }

    /// The shipped file and every complete file shown in a document.
    @Test func shownRoutesFilesAreValid() throws {
        var files = ["routes.yaml": try document("routes.yaml")]
        for path in ["docs/routes.md", "README.md"] {
            for (index, block) in try document(path).split(separator: "```").enumerated()
            where block.hasPrefix("yaml\nversion: 1") {
                files["\(path)#\(index)"] = String(block.dropFirst(5))
            }
        }
        let manifest = try document("docs/operations/kubernetes.yaml")
        let block = try #require(manifest.firstRange(of: "routes.yaml: |\n"))
        files["kubernetes.yaml"] = manifest[block.upperBound...].split(separator: "\n").prefix { $0.hasPrefix("    ") }
            .map { $0.dropFirst(4) + "\n" }.joined()
        #expect(files.count == 3)
        for (name, text) in files {
            let result = try ConfigurationLoader.load(
                text: text, file: name, environment: ["KAFKA_BROKERS": "kafka:9092", "KAFKA_CONSUMER_GROUP": "g"],
                transformers: BuiltinTransformers.set(), checks: ConfigurationFile.checks)
            #expect(result.diagnostics.isEmpty, "\(DiagnosticRenderer.render(result.diagnostics, file: name))")
        }
    }

    @Test func theExampleFindingIsWhatIsPrinted() throws {
        let text = """
            version: 1
            routes:
              - topic: notes
                transform: json
                chanel: notes
            """
        let result = try ConfigurationLoader.load(
            text: text, file: "routes.yaml", environment: [:], transformers: BuiltinTransformers.set())
        let shown = DiagnosticRenderer.render(result.diagnostics, file: "routes.yaml")
        #expect(shown.contains("routes.yaml:5:5: error: unknown key `chanel`\n        chanel: notes\n        ^\n"), "\(shown)")
        #expect(shown.contains("  hint: did you mean `channel`?"), "\(shown)")
    }
}
