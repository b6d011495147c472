/// A place in a configuration file. Lines and columns count from 1; columns count Unicode scalars.
public struct SourcePosition: Sendable, Hashable {
    public let file: String
    public let line: Int
    public let column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// Paths are bytes.
    public static func == (left: SourcePosition, right: SourcePosition) -> Bool {
        left.line == right.line && left.column == right.column && left.file.hasSameBytes(as: right.file)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ByteString(file))
        hasher.combine(line)
        hasher.combine(column)
    }
}

/// One finding: what is wrong, where, and what to do.
public struct Diagnostic: Sendable, Equatable, Error {
    public enum Severity: String, Sendable { case error, warning }

    public let severity: Severity
    /// `nil` when the finding is about an environment variable or the file as a whole.
    public let position: SourcePosition?
    public let message: String
    /// What to do about it, such as "did you mean `channel`?".
    public let hint: String?
    /// The offending line of the file, for display with a caret.
    public let sourceLine: String?
    /// The environment variable that it is about; then there is no position.
    public let variable: String?

    public init(
        severity: Severity = .error,
        position: SourcePosition?,
        message: String,
        hint: String? = nil,
        sourceLine: String? = nil,
        variable: String? = nil
    ) {
        self.severity = severity
        self.position = position
        self.message = message
        self.hint = hint
        self.sourceLine = sourceLine
        self.variable = variable
    }
}
