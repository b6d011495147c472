import CLibJQ

/// A jq expression, compiled.
///
/// Thread: consumer; one at a time.
final class FilterExpression {
    /// What is wrong with an expression, in jq's words.
    struct Invalid: Error {
        let reason: String
    }

    /// What the expression says of a record.
    enum Verdict: Equatable {
        /// Its first result is neither `false` nor `null`.
        case holds
        /// Its first result is, or it has none.
        case doesNotHold
        /// It failed, in jq's words.
        case failed(String)
    }

    // Sound: made in `init`, freed in `deinit`, used by one thread at a time in between.
    private var state: OpaquePointer?
    private let messages = Messages()

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

    init(_ text: String) throws(Invalid) {
        guard Self.isWarm, let state = jq_init() else { throw Invalid(reason: "no memory for jq") }
        self.state = state
        jq_set_error_cb(
            state,
            { context, message in
                guard let context else { return jv_free(message) }
                let messages = Unmanaged<Messages>.fromOpaque(context).takeUnretainedValue()
                messages.lines.append(FilterExpression.text(message))
            }, Unmanaged.passUnretained(messages).toOpaque())
        // Without a search path, `import` ends the process in an assertion of jq 1.6 (jv_array_concat in linker.c).
        jq_set_attr(state, jv_string("JQ_LIBRARY_PATH"), jv_array())
        // jq 1.6 leaves these pointers as they are in fresh memory, and `input` and `debug` call what they find there.
        jq_set_input_cb(state, nil, nil)
        jq_set_debug_cb(state, nil, nil)
        let isCompiled = jq_compile(state, text) != 0
        let reason = messages.lines.first
        messages.lines = []
        guard isCompiled else { throw Invalid(reason: reason.map(Self.tidied) ?? "jq doesn't accept it") }
    }

    deinit { jq_teardown(&state) }

    /// - Parameter json: checked JSON.
    func verdict(on json: UnsafeRawBufferPointer) -> Verdict {
        guard let state else { return .failed("no memory for jq") }
        guard let length = Int32(exactly: json.count) else { return .failed("the record is too large for jq") }
        let value = jv_parse_sized(json.baseAddress?.assumingMemoryBound(to: CChar.self), length)
        guard jv_get_kind(value) != JV_KIND_INVALID else {
            return .failed(Self.tidied(Self.text(jv_invalid_get_msg(value))))
        }
        jq_start(state, value, 0)
        let result = jq_next(state)
        messages.lines.removeAll(keepingCapacity: true)
        switch jv_get_kind(result) {
        case JV_KIND_INVALID:
            guard jv_invalid_has_msg(jv_copy(result)) != 0 else {
                jv_free(result)
                return jq_halted(state) != 0 ? .failed("the expression stops the program (halt)") : .doesNotHold
            }
            return .failed(Self.tidied(Self.text(jv_invalid_get_msg(result))))
        case JV_KIND_FALSE, JV_KIND_NULL:
            jv_free(result)
            return .doesNotHold
        default:
            jv_free(result)
            return .holds
        }
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
