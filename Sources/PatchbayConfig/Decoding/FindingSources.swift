import PatchbayAPI

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
