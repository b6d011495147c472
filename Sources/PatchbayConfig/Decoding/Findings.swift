import PatchbayAPI

/// Everything found wrong in one load, in the order of discovery. Bounded: beyond the limit findings are only counted.
///
/// Thread: the one that loads; one instance per load.
package final class Findings {
    /// Findings kept; a person fixes the first dozen and runs again.
    static let limit = 1000

    private var diagnostics: [Diagnostic] = []
    private var seen: Set<Key> = []
    private var left = 0
    /// What findings are shown with.
    private(set) var sources = FindingSources()
    /// Findings are shown in the order in which files were read.
    private var order: [ByteString: Int] = [:]
    /// Comparisons with known names that are left: each costs microseconds, and a bad file may ask for millions.
    private var comparisons = 100_000

    /// An aliased mapping is decoded once per alias; what is wrong with it is said once.
    private struct Key: Hashable {
        let position: SourcePosition?
        let message: ByteString
    }

    /// Whether a finding may depend on a secret together with another text. Not when the author of the text reads the findings
    /// and must not know the secret: a regular expression per route, or a number to compare with, would tell it piece by piece.
    private let comparesSecrets: Bool

    package init(comparesSecrets: Bool = true) { self.comparesSecrets = comparesSecrets }

    /// Whether a check may compare values, one of which is secret or not. When it may not, it is left out; a load by somebody
    /// else makes it.
    func mayCompare(secret isSecret: Bool) -> Bool { !isSecret || comparesSecrets }

    /// Errors reported so far, repeated and unshown ones included; more than before means that something was wrong.
    package private(set) var errorCount = 0

    /// Whether anything stands in the way of using the configuration.
    package var hasErrors: Bool { errorCount > 0 }

    func add(source: SourceText) {
        sources.add(source)
        if order[ByteString(source.file)] == nil { order[ByteString(source.file)] = order.count }
    }

    /// The known name nearest to a misspelt one, as long as there aren't too many of both.
    func nearest(to given: String, among known: some Collection<String>) -> String? {
        guard comparisons > 0, !isFull else { return nil }
        comparisons -= known.count
        return Suggestion.nearest(to: given, among: known.prefix(1000))
    }

    package func add(
        _ message: String, at position: SourcePosition?, hint: String? = nil, severity: Diagnostic.Severity = .error,
        variable: String? = nil
    ) {
        if severity == .error { errorCount += 1 }
        guard !isFull else {
            left += 1
            return
        }
        guard seen.insert(Key(position: position, message: ByteString(message))).inserted else { return }
        diagnostics.append(Diagnostic(severity: severity, position: position, message: message, hint: hint, variable: variable))
    }

    /// Whether further findings are only counted, so that nobody needs to work out their words.
    var isFull: Bool { diagnostics.count >= Self.limit }

    /// Keeps the lines that hold a secret out of what is shown.
    func withhold(_ node: YAMLNode) {
        switch node.content {
        case .scalar:
            sources.withhold(node.position.line...max(node.position.line, node.endLine), of: node.position.file)
        case .sequence(let items): items.forEach(withhold)
        case .mapping(let entries): entries.forEach { withhold($0.value) }
        case .invalid: break
        }
    }

    /// Keeps all lines of a file out of what is shown.
    func withhold(file: String) { sources.withhold(file: file) }

    /// Keeps one line out of what is shown.
    func withholdLine(at position: SourcePosition) { sources.withhold(position.line...position.line, of: position.file) }

    /// All findings by position, those without one first, each with its line of the file.
    package func sorted() -> [Diagnostic] {
        guard !diagnostics.isEmpty else { return [] }
        var result = sources.withLines(diagnostics.enumerated().sorted(by: precedes).map(\.element))
        if left > 0 {
            result.append(
                Diagnostic(
                    severity: hasErrors ? .error : .warning, position: nil, message: "\(left) more findings are not shown",
                    hint: "fix these first and check again"))
        }
        return result
    }

    private func precedes(
        _ left: (offset: Int, element: Diagnostic), _ right: (offset: Int, element: Diagnostic)
    ) -> Bool {
        func key(_ position: SourcePosition?) -> (Int, Int, Int) {
            position.map { (order[ByteString($0.file)] ?? order.count, $0.line, $0.column) } ?? (-1, 0, 0)
        }
        let (l, r) = (key(left.element.position), key(right.element.position))
        return l == r ? left.offset < right.offset : l < r
    }
}

/// The files of a load, for showing findings with their lines, and which of those lines must not be shown.
package struct FindingSources: Sendable {
    /// Bytes of a line that is still shown; longer ones are no text for people, and each finding on one would walk it.
    private static let longestLine = 64 * 1024

    private var sources: [ByteString: SourceText] = [:]
    private var withheld: [ByteString: Set<Int>] = [:]
    private var withheldFiles: Set<ByteString> = []

    mutating func add(_ source: SourceText) { sources[ByteString(source.file)] = source }

    mutating func withhold(_ lines: ClosedRange<Int>, of file: String) { withheld[ByteString(file), default: []].formUnion(lines) }

    mutating func withhold(file: String) { withheldFiles.insert(ByteString(file)) }

    /// The same findings, in the same order, each with its line of the file.
    package func withLines(_ findings: [Diagnostic]) -> [Diagnostic] {
        let lines = shownLines(findings)
        return findings.map { finding in
            Diagnostic(
                severity: finding.severity, position: finding.position, message: finding.message, hint: finding.hint,
                sourceLine: finding.position.flatMap { lines[ByteString($0.file)]?[$0.line] }, variable: finding.variable)
        }
    }

    /// The lines that findings are on, by file and number: without those that hold a secret or that nobody could read.
    private func shownLines(_ findings: [Diagnostic]) -> [ByteString: [Int: String]] {
        var numbers: [ByteString: Set<Int>] = [:]
        for case let position? in findings.map(\.position) { numbers[ByteString(position.file), default: []].insert(position.line) }
        var result: [ByteString: [Int: String]] = [:]
        for (file, numbers) in numbers {
            guard let source = sources[file], !withheldFiles.contains(file) else { continue }
            result[file] = source.lines(numbers.subtracting(withheld[file] ?? [])).filter { _, line in
                line.utf8.count <= Self.longestLine && !SecretNames.occursAsKey(in: line)
            }
        }
        return result
    }
}
