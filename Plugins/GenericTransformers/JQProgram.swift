import CJQBounds
import CLibJQ
import Synchronization

/// One or several expressions as one program of jq.
///
/// jq 1.6 reads and binds the definitions of its whole library for every program, about 20 ms each; what the expressions
/// add to that is a fraction of a millisecond. So the expressions of a file share programs.
///
/// Thread: any. A program runs on one thread at a time, under its lock: it is compiled by the thread that loads the
/// configuration and then used by the consumer threads of all routes with one of its expressions, and by previews.
final class JQProgram: @unchecked Sendable {
    /// What is wrong with an expression, in jq's words.
    struct Invalid: Error {
        let reason: String
    }

    /// What a run may take of the machine. jq has no bounds of its own: `reduce .[] as $x ("x"; . + .)` doubles a text for each element.
    struct Bounds {
        /// Of memory, beside 16 bytes for each of the record.
        var bytes: Int64 = 128 << 20
        /// Values that are freed or compared, beside 50 for each byte of the record.
        var steps: Int64 = 20_000_000

        /// Whether libjq can be bounded: not where it was built to call its own functions directly.
        static let areInForce = jq_bounds_hold()

        func begin(_ json: UnsafeRawBufferPointer) {
            jq_bounds_begin(bytes + 16 * Int64(json.count), steps + 50 * Int64(json.count))
        }

        /// What was exceeded, in words; `nil` when nothing was.
        func end() -> String? {
            switch jq_bounds_end() {
            case JQ_TOO_MUCH_MEMORY: "it takes more than \(bytes >> 20) MiB of memory, beside 16 bytes for each byte of the record"
            case JQ_TOO_MANY_STEPS: "it takes more than \(steps) steps, beside 50 for each byte of the record"
            case JQ_TOO_DEEP: "it makes a value of more than 1000 levels"
            default: nil
            }
        }
    }

    /// An expression to compile.
    typealias Source = (text: String, tokens: JQTokens)

    /// Expressions of one program, and bytes of their texts. Jumps in a program are 16 bits wide and not checked by jq;
    /// an expression takes up to ten such words per byte.
    static let maximumExpressions = 100
    static let maximumBytes = 4_000

    // Sound: made in `init`, freed in `deinit`, in between only touched with the lock.
    private var state: OpaquePointer?
    private let lock = Mutex(())
    private let messages = Messages()
    private let hasSeveral: Bool
    private let bounds: Bounds

    /// What jq says. The callback must not outlive this; `state` is torn down first.
    private final class Messages {
        var lines: [String] = []
    }

    /// Oniguruma, jq's regular expressions, sets itself up with the first one compiled, which its API document
    /// (`onig_initialize`) forbids to happen on two threads at once.
    private static let isWarm: Bool = {
        var state = jq_init()
        guard let made = state else { return false }
        if jq_compile(made, "test(\"a\")") != 0 {
            jq_start(made, jv_string("a"), 0)
            jv_free(jq_next(made))
        }
        jq_teardown(&state)
        return true
    }()

    /// - Parameter expressions: when there are several, each must be balanced, so that it can't leave its brackets.
    init(_ expressions: [Source], bounds: Bounds = Bounds()) throws(Invalid) {
        self.bounds = bounds
        let usesPatterns = expressions.contains { expression in
            expression.tokens.tokens.contains {
                if case .word(let word) = $0 { FilterLanguage.patterns.contains(word) } else { false }
            }
        }
        if usesPatterns { guard Self.isWarm else { throw Invalid(reason: "no memory for jq") } }
        guard let state = jq_init() else { throw Invalid(reason: "no memory for jq") }
        self.state = state
        hasSeveral = expressions.count > 1
        jq_set_error_cb(
            state,
            { context, message in
                guard let context else { return jv_free(message) }
                let messages = Unmanaged<Messages>.fromOpaque(context).takeUnretainedValue()
                messages.lines.append(JQProgram.text(message))
            }, Unmanaged.passUnretained(messages).toOpaque())
        // Without a search path, `import` ends the process in an assertion of jq 1.6 (jv_array_concat in linker.c).
        jq_set_attr(state, jv_string("JQ_LIBRARY_PATH"), jv_array())
        // jq 1.6 leaves these pointers as they are in fresh memory, and `input` and `debug` call what they find there.
        jq_set_input_cb(state, nil, nil)
        jq_set_debug_cb(state, nil, nil)
        let prelude = FilterLanguage.prelude(for: expressions.map(\.tokens))
        let texts = expressions.map(\.text)
        let isCompiled = jq_compile(state, prelude + (hasSeveral ? Self.choice(among: texts[...]) : texts.joined())) != 0
        let reason = messages.lines.first
        messages.lines = []
        guard isCompiled else { throw Invalid(reason: reason.map(Self.tidied) ?? "jq doesn't accept it") }
    }

    deinit { jq_teardown(&state) }

    /// A program for `[index, record]` that runs the expression of that index on the record. Halves, so that it takes
    /// few steps. No variable is bound: expressions could see it.
    private static func choice(among texts: ArraySlice<String>) -> String {
        if let only = texts.first, texts.count == 1 { return ".[1] | (\(only)\n)" }
        let middle = (texts.startIndex + texts.endIndex) / 2
        return "if .[0] < \(middle) then \(choice(among: texts[..<middle])) else \(choice(among: texts[middle...])) end"
    }

    /// What the expression of that index says of a record, which must be checked JSON.
    func verdict(of index: Int, on json: UnsafeRawBufferPointer) -> FilterExpression.Verdict {
        bounds.begin(json)
        switch parse(json) {
        case .failure(let invalid): return .failed(bounds.end() ?? invalid.reason)
        case .success(let record): return lock.withLock { _ in verdict(on: input(index, record)) }
        }
    }

    /// Collects what the expression of that index makes of a record, which must be checked JSON.
    ///
    /// - Parameter names: how many members the record's objects have in its text.
    /// - Returns: what is wrong; the results are of no use then.
    func run(
        _ index: Int, on json: UnsafeRawBufferPointer, names: Int, into results: inout JQResults
    ) -> JQResults.Problem? {
        bounds.begin(json)
        switch parse(json) {
        case .failure(let invalid): return .failed(bounds.end() ?? invalid.reason)
        case .success(let record):
            // Of a name that occurs twice jq keeps the last.
            guard JQResults.countOfMembers(in: record) == names else {
                jv_free(record)
                return bounds.end().map { .failed($0) } ?? .duplicateName
            }
            return lock.withLock { _ in run(on: input(index, record), into: &results) }
        }
    }

    private func parse(_ json: UnsafeRawBufferPointer) -> Result<jv, Invalid> {
        guard let length = Int32(exactly: json.count) else { return .failure(Invalid(reason: "the record is too large for jq")) }
        let record = jv_parse_sized(json.baseAddress?.assumingMemoryBound(to: CChar.self), length)
        guard jv_get_kind(record) != JV_KIND_INVALID else {
            return .failure(Invalid(reason: Self.tidied(Self.text(jv_invalid_get_msg(record)))))
        }
        return .success(record)
    }

    /// Takes the record over.
    private func input(_ index: Int, _ record: jv) -> jv {
        hasSeveral ? jv_array_append(jv_array_append(jv_array(), jv_number(Double(index))), record) : record
    }

    private func verdict(on input: jv) -> FilterExpression.Verdict {
        guard let state else {
            jv_free(input)
            return .failed(bounds.end() ?? "no memory for jq")
        }
        if let excess = start(state, input) { return .failed(excess) }
        let result = jq_next(state)
        messages.lines.removeAll(keepingCapacity: true)
        let verdict: FilterExpression.Verdict
        switch jv_get_kind(result) {
        // Within the bounds, too: a message may hold any value.
        case JV_KIND_INVALID: verdict = end(result, of: state).map { .failed($0) } ?? .doesNotHold
        case JV_KIND_FALSE, JV_KIND_NULL:
            jv_free(result)
            verdict = .doesNotHold
        default:
            jv_free(result)
            verdict = .holds
        }
        return bounds.end().map { released(state, .failed($0)) } ?? verdict
    }

    private func run(on input: jv, into results: inout JQResults) -> JQResults.Problem? {
        guard let state else {
            jv_free(input)
            return .failed(bounds.end() ?? "no memory for jq")
        }
        if let excess = start(state, input) { return .failed(excess) }
        while true {
            let result = jq_next(state)
            messages.lines.removeAll(keepingCapacity: true)
            if jv_get_kind(result) != JV_KIND_INVALID {
                guard let problem = results.append(result) else { continue }
                _ = bounds.end()
                return released(state, problem)
            }
            // Within the bounds, too: a message may hold any value.
            let failure = end(result, of: state)
            guard let excess = bounds.end() else { return failure.map { .failed($0) } }
            return released(state, .failed(excess))
        }
    }

    /// - Returns: what is exceeded already.
    private func start(_ state: OpaquePointer, _ input: jv) -> String? {
        guard jq_bounds_excess() == JQ_WITHIN_BOUNDS else {
            jv_free(input)
            return bounds.end()
        }
        jq_start(state, input, 0)
        jq_bounds_attach(state)
        return nil
    }

    /// Gives back what a run that was broken off still holds; jq would do that at the next record.
    private func released<Outcome>(_ state: OpaquePointer, _ outcome: Outcome) -> Outcome {
        jq_start(state, jv_null(), 0)
        return outcome
    }

    /// What went wrong when there are no more results; `nil` when nothing did.
    private func end(_ result: jv, of state: OpaquePointer) -> String? {
        guard jv_invalid_has_msg(jv_copy(result)) != 0 else {
            jv_free(result)
            return jq_halted(state) != 0 ? "the expression stops the program (halt)" : nil
        }
        return Self.tidied(Self.text(jv_invalid_get_msg(result)))
    }

    /// The text of a message, which is consumed; JSON when it isn't a string.
    private static func text(_ message: jv) -> String {
        let string = jv_get_kind(message) == JV_KIND_STRING ? message : jv_dump_string(message, 0)
        defer { jv_free(string) }
        return String(cString: jv_string_value(string))
    }

    /// On one line, without jq's own prefix.
    private static func tidied(_ message: String) -> String {
        var text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        if text.hasPrefix("jq: error: ") { text = String(text.dropFirst("jq: error: ".count)) }
        return text.count > 300 ? text.prefix(300) + "…" : text
    }
}

// MARK: Sharing

extension JQProgram {
    /// All expressions of a file at once, in their order.
    static func compile(_ sources: [Source]) -> [Result<(program: JQProgram, index: Int), Invalid>] {
        var outcomes: [Result<(program: JQProgram, index: Int), Invalid>?] = Array(repeating: nil, count: sources.count)
        var group: [Int] = []
        var bytes = 0
        func finishGroup() {
            let members = group.map { sources[$0] }
            for (index, outcome) in zip(group, together(members[...])) { outcomes[index] = outcome }
            group = []
            bytes = 0
        }
        for (index, source) in sources.enumerated() {
            if !source.tokens.isBalanced || source.text.utf8.count > maximumBytes {
                // By itself: it is wrong, or large.
                outcomes[index] = together([source][...])[0]
                continue
            }
            if group.count == maximumExpressions || bytes + source.text.utf8.count > maximumBytes { finishGroup() }
            group.append(index)
            bytes += source.text.utf8.count
        }
        finishGroup()
        return outcomes.map { $0 ?? .failure(Invalid(reason: "jq doesn't accept it")) }
    }

    /// One program for all, unless one of them is wrong: then halves, until it is alone with what jq says of it.
    private static func together(_ sources: ArraySlice<Source>) -> [Result<(program: JQProgram, index: Int), Invalid>] {
        guard !sources.isEmpty else { return [] }
        do throws(Invalid) {
            let program = try JQProgram(Array(sources))
            return sources.indices.map { .success((program, $0 - sources.startIndex)) }
        } catch {
            if sources.count == 1 { return [.failure(error)] }
            let middle = (sources.startIndex + sources.endIndex) / 2
            return together(sources[..<middle]) + together(sources[middle...])
        }
    }
}
