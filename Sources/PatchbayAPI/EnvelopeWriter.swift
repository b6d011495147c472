/// Why a record can't be routed. Building one allocates nothing as long as its strings are literals.
public struct Rejection: Error, Equatable, Sendable {
    /// A stable word for metrics and dead letters, from a small set: `invalid_json`, `missing_field`, `wrong_type`,
    /// `invalid_value`, `too_large`, `too_deep`, `tombstone`, …
    public let code: String
    /// The field of the record that broke the rule, as the producer would write it; `nil` when it is the whole record.
    public let field: String?
    /// One sentence for a person: what is wrong, and what would be right.
    public let explanation: String

    public init(code: String, field: String? = nil, explanation: String) {
        self.code = code
        self.field = field
        self.explanation = explanation
    }

    /// By their bytes: two fields may differ in nothing else.
    public static func == (left: Rejection, right: Rejection) -> Bool {
        left.code.hasSameBytes(as: right.code) && left.explanation.hasSameBytes(as: right.explanation)
            && left.field.map { ByteString($0) } == right.field.map { ByteString($0) }
    }
}

/// Text that somebody else keeps: a literal, or bytes that are valid only during the call that lends them. Costs nothing to make.
public struct BorrowedText: ExpressibleByStringLiteral {
    /// UTF-8.
    public let bytes: UnsafeRawBufferPointer

    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    public init(stringLiteral literal: StaticString) {
        // A literal of one character may be kept as that; it has no address then.
        bytes =
            literal.hasPointerRepresentation
            ? UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
            : UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// A copy; what is not UTF-8 becomes U+FFFD.
    public var string: String { String(decoding: bytes, as: UTF8.self) }
}

/// Why a record is left out on purpose. Making one costs nothing: all of it is borrowed, and valid only during the call.
public struct FilterReason {
    /// The option of the transformer that says so.
    public let option: BorrowedText
    /// The start of a clause that says what speaks against the record, which `value` ends if there is one: "its side
    /// is".
    public let explanation: BorrowedText
    /// What the record has where the option looks, as it stands in the record. Valid only during the call.
    public let value: UnsafeRawBufferPointer?

    public init(option: BorrowedText, explanation: BorrowedText, value: UnsafeRawBufferPointer? = nil) {
        self.option = option
        self.explanation = explanation
        self.value = value
    }
}

/// What takes a transformer's output: the router's encoder, the next step of a chain, or a test.
///
/// Thread: consumer.
public protocol EnvelopeSink: AnyObject {
    /// One envelope with this data. `data` is valid only during the call.
    func emit(_ record: Record, data: UnsafeRawBufferPointer)
    /// The record breaks a rule.
    func reject(_ record: Record, _ rejection: Rejection)
    /// The record is left out on purpose, because an option says so.
    func filter(_ record: Record, because reason: FilterReason)
    /// A tombstone goes on, to the next step or to clients. Refused unless the sink knows what to make of it.
    func emitTombstone(_ record: Record)
    /// The record is kept for later: its offset must not be stored until it is released.
    func hold(_ record: Record) -> HeldRecord
    /// Nothing depends on the record any more.
    func release(_ held: HeldRecord)
}

extension EnvelopeSink {
    public func hold(_ record: Record) -> HeldRecord {
        HeldRecord(topic: max(record.heldTopic, 0), partition: record.partition, recordOffset: record.recordOffset)
    }

    public func release(_ held: HeldRecord) {}

    public func emitTombstone(_ record: Record) { reject(record, .tombstone) }
}

/// The one way out of a transformer.
///
/// Thread: consumer. Valid only during the call that it is handed to.
public struct EnvelopeWriter {
    @usableFromInline let sink: any EnvelopeSink

    public init(_ sink: any EnvelopeSink) { self.sink = sink }

    /// One envelope whose data is the record's value, byte for byte. Rejects a tombstone.
    @inlinable
    public func emit(_ record: Record) {
        guard let value = record.value else { return sink.reject(record, .tombstone) }
        sink.emit(record, data: value)
    }

    /// One envelope with this data, which must be one complete JSON value in UTF-8. The bytes are copied.
    @inlinable
    public func emit(_ record: Record, data: UnsafeRawBufferPointer) { sink.emit(record, data: data) }

    /// Passes a tombstone on: clients are told that its key is deleted. For transformers whose definition asks for tombstones.
    @inlinable
    public func emitTombstone(_ record: Record) { sink.emitTombstone(record) }

    /// Keeps the record for a later call: instead of `emit`, `reject` or `filter`, or besides `emit`. The transformer copies what it
    /// needs of it, and its offset isn't stored until the transformer calls `release`.
    @inlinable
    public func hold(_ record: Record) -> HeldRecord { sink.hold(record) }

    /// Says that nothing depends on a held record any more. What was to be emitted for it, as `Record(held:…)`, has been; when nothing
    /// was, such as when a newer one took its place, it counts as left out on purpose.
    @inlinable
    public func release(_ held: HeldRecord) { sink.release(held) }

    /// Refuses the record; the router counts it by `rejection.code` and logs it, rate-limited.
    @inlinable
    public func reject(_ record: Record, _ rejection: Rejection) { sink.reject(record, rejection) }

    /// Leaves the record out on purpose; counted, not logged. `patchbay explain` says why.
    @inlinable
    public func filter(_ record: Record, because reason: FilterReason) { sink.filter(record, because: reason) }
}

extension Rejection {
    /// A record without a value where the route needs one.
    public static var tombstone: Rejection {
        Rejection(code: "tombstone", explanation: "the record has no value (a tombstone), so there is nothing to send")
    }
}
