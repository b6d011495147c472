import PatchbayAPI

/// Replaces `${NAME}`, `${NAME:-default}` and `${file:/path}` in a scalar's text; `$$` is a dollar sign, and so is a `$`
/// without a brace after it.
///
/// Bounded per load: what all replacements bring in counts against one budget, and so do the files.
///
/// Thread: the one that loads; one instance per load.
final class Interpolation {
    /// Bytes a `${file:…}` may hold: keys and certificates are far smaller.
    static let fileLimit = 1024 * 1024

    struct Resolved: Equatable {
        var text: String
        /// Whether anything was replaced; the text is then typed by what is wanted, as an environment variable's is.
        var isReplaced = false
        /// Whether it holds what is never shown: a file's contents, or, where the load says so, a variable's.
        var isSensitive = false
    }

    struct Problem: Error, Equatable {
        let message: String
        let hint: String?
        /// Whether the message repeats the scalar's text, which a secret's must not.
        var repeatsText = false
    }

    /// Bytes that all replacements of a load may bring in.
    static let budget = 32 * 1024 * 1024

    /// Files that all `${file:…}` of a load may name: each of them is watched.
    static let fileCount = 1000

    private let environment: [String: String]
    private let files: LoadedFiles
    /// Whether the values of variables are as secret as those of files.
    private let hidesVariables: Bool
    private var remaining = Interpolation.budget
    /// By path, so that a file is read once however often it is named.
    private var contents: [ByteString: Result<String, Problem>] = [:]

    init(environment: [String: String], files: LoadedFiles, hidesVariables: Bool = false) {
        self.environment = environment
        self.files = files
        self.hidesVariables = hidesVariables
    }

    /// The text with everything replaced, or every reason why that can't be.
    func resolve(_ text: String) -> (resolved: Resolved?, problems: [Problem]) {
        guard text.utf8.contains(0x24) else { return (Resolved(text: text), []) }
        var resolved = Resolved(text: "")
        var problems: [Problem] = []
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            resolved.text += rest[..<dollar]
            rest = rest[dollar...].dropFirst()
            switch rest.first {
            case "$":
                resolved.text += "$"
                rest = rest.dropFirst()
            case "{":
                guard let end = rest.firstIndex(of: "}") else {
                    problems.append(Problem(message: "`${` is never closed", hint: "add the `}`, or write `$${` for the text `${`"))
                    return (nil, problems)
                }
                let expression = rest[..<end].dropFirst()
                rest = rest[end...].dropFirst()
                do {
                    resolved.text += try charged(value(of: expression, &resolved))
                    resolved.isReplaced = true
                } catch {
                    problems.append(error)
                }
            default: resolved.text += "$"
            }
        }
        resolved.text += rest
        return (problems.isEmpty ? resolved : nil, problems)
    }

    private func charged(_ value: String) throws(Problem) -> String {
        remaining -= value.utf8.count
        try checkBudget()
        return value
    }

    private func checkBudget() throws(Problem) {
        guard remaining >= 0 else {
            throw Problem(
                message: "all `${…}` together expand to more than \(Quantity.size(Int64(Self.budget)))",
                hint: "use `${…}` for short values")
        }
    }

    private func value(of expression: Substring, _ resolved: inout Resolved) throws(Problem) -> String {
        if expression.hasPrefix("file:") {
            resolved.isSensitive = true
            return try contents(of: String(expression.dropFirst("file:".count)))
        }
        if hidesVariables { resolved.isSensitive = true }
        let name = expression.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
        let tail = expression[name.endIndex...]
        guard let first = name.first, !first.isNumber, tail.isEmpty || tail.hasPrefix(":-") else {
            throw Problem(
                message: "`${\(DisplayText.plain(String(expression)))}` is not understood",
                hint: "write `${NAME}`, `${NAME:-default}` or `${file:/path}`; `$${` stands for the text `${`",
                repeatsText: true)
        }
        guard !tail.isEmpty else {
            guard let value = environment[String(name)] else {
                throw Problem(
                    message: "the environment variable \(DisplayText.quoted(String(name))) is not set",
                    hint: "set it, or give a default: `${\(DisplayText.plain(String(name))):-default}`")
            }
            return value
        }
        let fallback = tail.dropFirst(2)
        guard !fallback.contains("${") else {
            throw Problem(message: "the default of `${\(name):-…}` holds another `${`", hint: "use a plain text as default")
        }
        // As in a shell, `:-` also replaces a variable that is set to nothing.
        if let value = environment[String(name)], !value.isEmpty { return value }
        return String(fallback)
    }

    private func contents(of path: String) throws(Problem) -> String {
        let shown = "`${file:\(DisplayText.plain(path))}`"
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw Problem(message: "\(shown) needs an absolute path", hint: "write `${file:/run/secrets/name}`")
        }
        try checkBudget()
        if let known = contents[ByteString(path)] { return try known.get() }
        guard contents.count < Self.fileCount else {
            throw Problem(
                message: "all `${file:…}` together name more than \(Self.fileCount) files", hint: "use it for secrets only")
        }
        let result = Result { () throws(Problem) in try read(path, shown: shown) }
        contents[ByteString(path)] = result
        return try result.get()
    }

    private func read(_ path: String, shown: String) throws(Problem) -> String {
        let bytes: [UInt8]
        do {
            bytes = try files.readSecret(path, limit: Self.fileLimit)
        } catch {
            throw Problem(
                message: "\(shown) can't be read: \(error.reason)",
                hint: "check that the file exists and that this user may read it")
        }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(message: "\(shown) holds bytes that are not UTF-8 text", hint: "give a text file")
        }
        // Editors and `echo` end a file with one line break that is no part of the secret.
        if text.hasSuffix("\r\n") || text.hasSuffix("\n") { return String(text.dropLast()) }
        return text
    }
}
