#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Which topics a route takes: one by name, or all that match a regular expression.
public enum TopicSelector: Sendable, Equatable {
    case name(String)
    case pattern(TopicPattern)

    /// By the bytes of the text.
    public static func == (left: TopicSelector, right: TopicSelector) -> Bool { left.text.hasSameBytes(as: right.text) }

    /// As in the file, and as librdkafka takes it: patterns begin with `^`.
    public var text: String {
        switch self {
        case .name(let name): name
        case .pattern(let pattern): pattern.text
        }
    }

    /// The topic, when it is one by name.
    public var plainName: String? { if case .name(let name) = self { name } else { nil } }

    public func matches(_ topic: String) -> Bool {
        switch self {
        case .name(let name): name.hasSameBytes(as: topic)
        case .pattern(let pattern): pattern.matches(topic)
        }
    }
}

/// A regular expression over topic names: POSIX extended, the syntax in which librdkafka subscribes to it
/// (`rd_kafka_subscribe`, which compiles it with `regcomp` too).
///
/// Thread: any.
public final class TopicPattern: @unchecked Sendable, Equatable {
    // Sound: written once before anybody else sees it; `regexec` may run on several threads at once (POSIX.1-2017).
    private let expression: UnsafeMutablePointer<regex_t>

    /// Begins with `^`.
    public let text: String

    /// What is wrong with an expression, in the words of the C library.
    public struct Invalid: Error, Equatable {
        public let reason: String
    }

    public init(_ text: String) throws(Invalid) {
        guard text.utf8.first == UInt8(ascii: "^") else { throw Invalid(reason: "a pattern of topics begins with ^") }
        let expression = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
        expression.initialize(to: regex_t())
        let status = regcomp(expression, text, REG_EXTENDED | REG_NOSUB)
        guard status == 0 else {
            var message = [CChar](repeating: 0, count: 200)
            regerror(status, expression, &message, message.count)
            expression.deallocate()
            let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw Invalid(reason: String(decoding: bytes, as: UTF8.self))
        }
        self.expression = expression
        self.text = text
    }

    deinit {
        regfree(expression)
        expression.deallocate()
    }

    /// Topics that Kafka keeps for itself, whose names begin with `__`, only match a pattern that begins with `^__`.
    public func matches(_ topic: String) -> Bool {
        if topic.utf8.starts(with: "__".utf8), !text.utf8.starts(with: "^__".utf8) { return false }
        return regexec(expression, topic, 0, nil, 0) == 0
    }

    public static func == (left: TopicPattern, right: TopicPattern) -> Bool { left.text.hasSameBytes(as: right.text) }
}
