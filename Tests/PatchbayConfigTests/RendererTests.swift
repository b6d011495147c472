import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Findings as text")
struct RendererTests {
    private func diagnostic(
        _ line: String?, _ column: Int, message: String = "wrong", hint: String? = nil, severity: Diagnostic.Severity = .error
    ) -> Diagnostic {
        Diagnostic(
            severity: severity, position: SourcePosition(file: "f.yaml", line: 3, column: column), message: message, hint: hint,
            sourceLine: line)
    }

    @Test("have place, line, caret, hint and a summary")
    func whole() {
        let text = minimal("server:\n  prot: 1\n")
        #expect(
            DiagnosticRenderer.render(load(text, ["PORT": "x"]).diagnostics, file: "routes.yaml") == """
                error: PORT=x: must be a whole number between 1 and 65535, or 0 (any free port)
                  hint: for example `PORT=8080`
                routes.yaml:3:3: error: unknown key `prot`
                      prot: 1
                      ^
                  hint: did you mean `port`?
                2 errors in routes.yaml and the environment

                """)
    }

    @Test(
        "have their caret under the character",
        arguments: [
            ("a: b", 4, "    a: b\n       ^"), ("\ta: b", 5, "    \ta: b\n    \t   ^"), ("äö: b", 5, "    äö: b\n        ^"),
            ("日本: b", 5, "    日本: b\n          ^"), ("🚀: b", 4, "    🚀: b\n        ^"), ("e\u{301}: b", 5, "    e\u{301}: b\n       ^"),
            ("ab", 3, "    ab\n      ^"), ("ab", 99, "    ab\n      ^"), ("ab", 0, "    ab\n    ^"),
        ])
    func caret(_ line: String, _ column: Int, _ expected: String) {
        #expect(DiagnosticRenderer.render(diagnostic(line, column)) == "f.yaml:3:\(column): error: wrong\n" + expected)
    }

    @Test("show the part of a long line around the caret")
    func long() {
        let line = String(repeating: "a", count: 500) + "X" + String(repeating: "b", count: 500)
        let lines = DiagnosticRenderer.render(diagnostic(line, 501)).split(separator: "\n").map(Array.init)
        #expect(lines.count == 3)
        #expect(lines[1].count < 140 && lines[1].last == "…" && lines[1][4] == "…")
        #expect(lines[1][lines[2].count - 1] == "X" && lines[2].last == "^")
    }

    @Test("have no line when there is none or it is empty", arguments: [nil, ""] as [String?])
    func without(_ line: String?) {
        #expect(DiagnosticRenderer.render(diagnostic(line, 1, hint: "h")) == "f.yaml:3:1: error: wrong\n  hint: h")
    }

    @Test("carry nothing that moves a cursor or turns text around")
    func harmless() {
        let text = DiagnosticRenderer.render(
            diagnostic("a\u{1B}[2J\u{202E}b", 1, message: "m\u{1B}\n", hint: "h\u{9B}"))
        #expect(text == "f.yaml:3:1: error: m\u{FFFD}\u{FFFD}\n    a\u{FFFD}[2J\u{FFFD}b\n    ^\n  hint: h\u{FFFD}")
    }

    @Test(
        "are counted",
        arguments: [
            (0, 0, ""), (1, 0, "1 error in f.yaml"), (3, 0, "3 errors in f.yaml"), (0, 1, "1 warning in f.yaml"),
            (2, 2, "2 errors and 2 warnings in f.yaml"),
        ])
    func summary(_ errors: Int, _ warnings: Int, _ expected: String) {
        let all =
            Array(repeating: diagnostic(nil, 1), count: errors)
            + Array(repeating: diagnostic(nil, 1, severity: .warning), count: warnings)
        #expect(DiagnosticRenderer.summary(all, file: "f.yaml") == expected)
        #expect(DiagnosticRenderer.render(all, file: "f.yaml").isEmpty == all.isEmpty)
    }
}
