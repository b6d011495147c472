internal import CSimdJSON

/// Reads JSON, one document after another, with buffers that it keeps.
///
/// Strict: the whole text must be one JSON value (RFC 8259) in valid UTF-8, within the limits. Numbers may be of any
/// size. Escapes for half a surrogate pair are accepted unless it is told otherwise. Duplicate names are allowed unless a
/// shape knows them.
///
/// Allocates nothing per document once its buffers have grown to the longest one met; they are never shrunk.
///
/// Thread: any, one at a time. Values that it hands out are valid only inside the closure they are given to.
public struct JSONParser: ~Copyable {
    public let limits: JSONLimits
    /// `nil` when memory was exhausted; every document is then refused with `out_of_memory`.
    private let handle: OpaquePointer?

    public init(limits: JSONLimits = .standard, loneSurrogates: LoneSurrogates = .pass) {
        self.limits = limits
        self.handle = sj_parser_create(limits.maximumBytes, limits.maximumDepth, loneSurrogates == .reject)
    }

    deinit { sj_parser_destroy(handle) }

    /// Whether the text read last, if it was accepted, has an escape for half a surrogate pair.
    public var hasLoneSurrogate: Bool { handle.map { sj_parser_document($0).pointee.has_lone_surrogate } ?? false }

    /// What is wrong with `text`; `nil` when it is valid.
    public mutating func validate(_ text: UnsafeRawBufferPointer) -> JSONProblem? {
        guard let handle else { return .outOfMemory }
        var failure = sj_failure()
        let status = sj_validate(handle, text.bytes, text.count, &failure)
        return status == SJ_OK ? nil : problem(status, failure, text, shape: nil)
    }

    /// Hands the root of `text` to `body`, unless there is a problem.
    public mutating func read<Result>(
        _ text: UnsafeRawBufferPointer,
        _ body: (JSONValue) -> Result
    ) -> Swift.Result<Result, JSONProblem> {
        guard let handle else { return .failure(.outOfMemory) }
        var failure = sj_failure()
        let status = sj_read(handle, text.bytes, text.count, &failure)
        guard status == SJ_OK else { return .failure(problem(status, failure, text, shape: nil)) }
        return .success(body(JSONValue(document: sj_parser_document(handle), index: 0)))
    }

    /// What is wrong with `text` as an object of `shape`; `nil` when nothing is.
    public mutating func check(_ text: UnsafeRawBufferPointer, against shape: JSONShape) -> JSONProblem? {
        guard let handle else { return .outOfMemory }
        var failure = sj_failure()
        let status = withExtendedLifetime(shape) {
            sj_check(handle, shape.handle, text.bytes, text.count, &failure)
        }
        return status == SJ_OK ? nil : problem(status, failure, text, shape: shape)
    }

    /// Hands the root of `text`, an object of `shape`, to `body`, unless there is a problem. The members that the shape
    /// knows carry the index of their field.
    public mutating func check(
        _ text: UnsafeRawBufferPointer,
        against shape: JSONShape,
        then body: (JSONValue) -> Void
    ) -> JSONProblem? {
        guard let handle else { return .outOfMemory }
        var failure = sj_failure()
        let status = withExtendedLifetime(shape) {
            sj_check(handle, shape.handle, text.bytes, text.count, &failure)
        }
        guard status == SJ_OK else { return problem(status, failure, text, shape: shape) }
        body(JSONValue(document: sj_parser_document(handle), index: 0))
        return nil
    }

    /// Out of line: the accepting path has no use for its strings.
    @inline(never)
    private func problem(
        _ status: sj_status, _ failure: sj_failure, _ text: UnsafeRawBufferPointer, shape: JSONShape?
    ) -> JSONProblem {
        guard let handle else { return .outOfMemory }
        switch status {
        case SJ_TOO_LARGE:
            return JSONProblem(
                code: .tooLarge,
                explanation: "the text has \(text.count) bytes; at most \(limits.maximumBytes) are allowed")
        case SJ_TOO_DEEP:
            return JSONProblem(
                code: .tooDeep,
                explanation: "arrays and objects are nested more than \(limits.maximumDepth) levels deep")
        case SJ_INVALID_JSON:
            if failure.byte_offset >= 0 { return JSONProblem.loneSurrogate(in: text, at: Int(failure.byte_offset)) }
            let lookalike = JSONLookalike.problem(text) { prefix in
                var failure = sj_failure()
                return sj_validate(handle, prefix.bytes, prefix.count, &failure) == SJ_OK
            }
            if let lookalike { return lookalike }
            let reason = failure.message.map { String(cString: $0) } ?? "it doesn't follow the grammar"
            return JSONProblem(code: .invalidJSON, explanation: "the text isn't valid JSON: \(reason)")
        case SJ_NOT_AN_OBJECT, SJ_MISSING_FIELD, SJ_WRONG_TYPE, SJ_INVALID_VALUE, SJ_DUPLICATE_FIELD:
            guard let shape else { return .outOfMemory }
            let value: JSONValue? =
                failure.node == SJ_NO_NODE
                ? nil : JSONValue(document: sj_parser_document(handle), index: failure.node)
            return shape.problem(status, failure, value: value)
        default:
            return .outOfMemory
        }
    }
}

extension JSONProblem {
    fileprivate static func loneSurrogate(in text: UnsafeRawBufferPointer, at place: Int) -> JSONProblem {
        let escape = String(decoding: text[place..<min(place + 6, text.count)], as: UTF8.self)
        return JSONProblem(
            code: .invalidJSON,
            explanation: "the text holds \(escape) at byte \(place), half of a surrogate pair, which is not text, and "
                + "`lone_surrogates: reject` refuses it")
    }

    static var outOfMemory: JSONProblem {
        JSONProblem(code: .outOfMemory, explanation: "there isn't enough memory to read this text")
    }
}

extension UnsafeRawBufferPointer {
    /// The same memory as C takes it.
    fileprivate var bytes: UnsafePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
