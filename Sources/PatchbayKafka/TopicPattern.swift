#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A regular expression over topic names, matched as librdkafka does: POSIX extended, anywhere in the name unless
/// anchored.
///
/// Thread: its owner's.
final class TopicPattern {
    private var compiled = regex_t()
    private let isValid: Bool

    /// One that can't be compiled matches nothing; librdkafka refuses to subscribe to it.
    init(_ pattern: String) { isValid = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0 }

    deinit { if isValid { regfree(&compiled) } }

    func matches(_ name: String) -> Bool { isValid && regexec(&compiled, name, 0, nil, 0) == 0 }
}
