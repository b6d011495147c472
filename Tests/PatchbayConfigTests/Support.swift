import Glibc
import PatchbayAPI
import PatchbayConfig
import Testing
import TransformerTestSupport

/// Line, column, message and hint of a diagnostic; line and column are 0 when it has no position.
struct Finding: Equatable, CustomStringConvertible {
    let line: Int
    let column: Int
    let message: String
    let hint: String?

    init(_ line: Int, _ column: Int, _ message: String, _ hint: String? = nil) {
        (self.line, self.column, self.message, self.hint) = (line, column, message, hint)
    }

    init(_ diagnostic: Diagnostic) {
        self.init(
            diagnostic.position?.line ?? 0, diagnostic.position?.column ?? 0, diagnostic.message, diagnostic.hint)
    }

    var description: String { "\n\(line):\(column) \(message)\n    hint: \(hint ?? "none")" }
}

/// One row of a table: a text and everything that must be found in it.
struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    let environment: [String: String]
    let findings: [Finding]

    init(_ name: String, _ text: String, _ environment: [String: String] = [:], _ findings: Finding...) {
        (self.name, self.text, self.environment, self.findings) = (name, text, environment, findings)
    }

    var testDescription: String { name }

    func check(_ location: SourceLocation = #_sourceLocation) {
        let result = load(text, environment)
        #expect(result.diagnostics.map(Finding.init) == findings, sourceLocation: location)
        let hasErrors = result.diagnostics.contains { $0.severity == .error }
        #expect((result.configuration == nil) == hasErrors, sourceLocation: location)
    }
}

extension Finding: Sendable {}

func load(_ text: String, _ environment: [String: String] = [:]) -> LoadResult {
    ConfigurationLoader.load(text: text, file: "routes.yaml", environment: environment, transformers: fakes)
}

func findings(_ text: String, _ environment: [String: String] = [:]) -> [Finding] {
    load(text, environment).diagnostics.map(Finding.init)
}

/// The shortest right file, with more keys in front of its routes.
func minimal(_ more: String = "") -> String {
    "version: 1\n\(more)routes:\n  - topic: a\n    transform: token\n    channel: c\n"
}

extension RouterConfiguration {
    /// The cluster that `kafka` itself describes.
    var kafka: KafkaSettings { clusters[0] }
}

extension RouteSettings {
    /// Of the first step.
    var options: OptionValues { steps[0].options }
}

// MARK: Transformers

private final class Idle: Transformer {
    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
}

private let windows = ["1min", "5min", "1hour"]

/// `token` without options, `aggregate` with optional ones, `mask` with one of every kind; `filter` and `pick` have a
/// shorthand and no type of their own.
let fakes = TransformerSet(tests: [
    TransformerDefinition(name: "token", summary: "Tokens.", defaultType: "token_info") { _ throws(OptionError) in
        { Idle() }
    },
    TransformerDefinition(
        name: "aggregate", summary: "Windows.", defaultType: "aggregate_data",
        options: [Field("windows", .list(.choice(windows)), default: .list([.string("1min")]), documentation: "Windows.")]
    ) { options throws(OptionError) in
        if options.strings("windows")?.count == 3 {
            throw OptionError(option: "windows", message: "all windows are the default", hint: "leave it out")
        }
        return { Idle() }
    },
    TransformerDefinition(
        name: "filter", summary: "Leaves out.", defaultType: nil,
        options: [Field("where", .string(), required: true, documentation: "Condition.", example: "where: .a == 1")],
        shorthand: "where"
    ) { options throws(OptionError) in
        if options.string("where") == "(" { throw OptionError(option: "where", message: "is no expression") }
        return { Idle() }
    },
    TransformerDefinition(
        name: "pick", summary: "Keeps.", defaultType: nil,
        options: [
            Field("fields", .list(.string(), minimumCount: 1), required: true, documentation: "Names.", example: "fields: [a, b]"),
            Field("missing", .choice(["skip", "reject"]), default: .string("skip"), documentation: "Without."),
        ],
        shorthand: "fields"
    ) { _ throws(OptionError) in { Idle() } },
    TransformerDefinition(
        name: "mask", summary: "Everything.", defaultType: "masked",
        options: [
            Field("key", .string(minimumLength: 8), required: true, secret: true, documentation: "Key.", example: "key: ${MASK_KEY}"),
            Field("ratio", .number(0...1), default: .number(0.5), documentation: "Ratio."),
            Field("deep", .bool, default: .bool(false), environment: "MASK_DEEP", documentation: "Deep."),
            Field("every", .duration(milliseconds: 10...60_000), default: .integer(1000), documentation: "Pause."),
            Field("anything", .any, documentation: "Anything."),
            Field(
                "nested", .object([Field("level", .integer(1...3), default: .integer(2), documentation: "Level.")]),
                documentation: "Nested."),
            Field("rename", .dictionary(.string()), documentation: "Names."),
        ]
    ) { options throws(OptionError) in
        if options.string("key") == "forbidden" { throw OptionError(option: "key", message: "is forbidden, not secret") }
        if options.bool("deep") == true {
            throw OptionError(option: "deep", message: "is too deep", hint: "stay shallow")
        }
        if options["ratio"] == .number(0) { throw OptionError(option: nil, message: "does nothing at all") }
        return { Idle() }
    },
])

// MARK: Files

/// A file or directory that is gone when the test is over.
struct TemporaryPath: ~Copyable {
    let path: String

    private init(path: String) { self.path = path }

    static func make(_ bytes: [UInt8], mode: mode_t = 0o600) throws -> TemporaryPath {
        var template = Array("/tmp/patchbay-test-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try #require(write(descriptor, bytes, bytes.count) == bytes.count)
        try #require(chmod(path, mode) == 0)
        return TemporaryPath(path: path)
    }

    static func makeDirectory() throws -> TemporaryPath {
        var template = Array("/tmp/patchbay-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        return TemporaryPath(path: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    deinit { remove(path) }
}

func write(_ text: String, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    try #require(write(descriptor, bytes, bytes.count) == bytes.count)
}
