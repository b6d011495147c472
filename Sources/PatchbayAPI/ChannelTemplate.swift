/// The name of a channel, or a pattern that makes one channel per value: `trades.{Token}`.
public struct ChannelTemplate: Sendable, Equatable {
    /// One piece of the name.
    public typealias Part = RecordTemplate.Part
    /// What is wrong with a template, and what to do.
    public typealias Invalid = RecordTemplate.Invalid

    /// As in the file.
    public let text: String
    public let parts: [Part]

    /// - Throws: when braces don't match, or a placeholder is none that makes names of channels.
    public init(_ text: String) throws(Invalid) {
        parts = try RecordTemplate(text, for: .channelName).parts
        self.text = text
    }

    /// A channel of exactly this name, whatever characters are in it.
    public init(plain name: String) {
        text = name
        parts = [.literal(name)]
    }

    /// By the bytes of the text.
    public static func == (left: ChannelTemplate, right: ChannelTemplate) -> Bool {
        left.isPlain == right.isPlain && left.text.hasSameBytes(as: right.text)
    }

    /// Whether it is one channel's name, without placeholders.
    public var isPlain: Bool { parts.allSatisfy { if case .literal = $0 { true } else { false } } }

    /// The paths of the fields it uses, in order.
    public var fieldPaths: [FieldPath] { parts.compactMap { if case .field(let path) = $0 { path } else { nil } } }

    /// The same of the record's key.
    public var keyPaths: [FieldPath] { parts.compactMap { if case .keyField(let path) = $0 { path } else { nil } } }

    /// Whether a channel of this name can come of the template: the literals stand in their order, with at least one
    /// character for each placeholder. `{@partition}` is a number and `{@topic}` has the characters of topics; any text
    /// may stand for the others.
    public func matches(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        return isTyped ? Self.matchesTyped(bytes, parts) : Self.matches(bytes[...], parts[...])
    }

    /// Whether a placeholder doesn't take every text.
    private var isTyped: Bool {
        parts.contains { part in
            switch part {
            case .partition, .topic: true
            case .literal, .field, .key, .keyField, .header, .timestamp: false
            }
        }
    }

    /// Keeps every place at which the parts so far may end: the earliest isn't always the right one here.
    private static func matchesTyped(_ name: [UInt8], _ parts: [Part]) -> Bool {
        var ends = [Bool](repeating: false, count: name.count + 1)
        ends[0] = true
        for part in parts {
            var next = [Bool](repeating: false, count: name.count + 1)
            starts: for start in ends.indices where ends[start] {
                let rest = name[start...]
                switch part {
                case .literal(let literal):
                    if rest.starts(with: literal.utf8) { next[start + literal.utf8.count] = true }
                case .partition:
                    for length in partitionLengths(rest) { next[start + length] = true }
                case .topic:
                    // An earlier start has come this way already.
                    if start < name.count, next[start + 1] { continue }
                    for end in rest.indices {
                        guard isTopicByte(name[end]) else { break }
                        next[end + 1] = true
                    }
                case .field, .key, .keyField, .header, .timestamp:
                    // The first start reaches all that later ones could.
                    for end in rest.indices { next[end + 1] = true }
                    break starts
                }
            }
            guard next.contains(true) else { return false }
            ends = next
        }
        return ends[name.count]
    }

    /// How long a partition's number at the beginning of a text may be: digits without a zero in front, up to `Int32.max`.
    private static func partitionLengths(_ text: ArraySlice<UInt8>) -> [Int] {
        var lengths: [Int] = []
        var number: Int64 = 0
        for byte in text {
            guard (0x30...0x39).contains(byte), lengths.isEmpty || number != 0 else { break }
            number = number * 10 + Int64(byte - 0x30)
            guard number <= Int64(Int32.max) else { break }
            lengths.append(lengths.count + 1)
        }
        return lengths
    }

    /// Kafka's own rule (org.apache.kafka.common.internals.Topic).
    private static func isTopicByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }

    private static func matches(_ name: ArraySlice<UInt8>, _ parts: ArraySlice<Part>) -> Bool {
        var name = name
        var parts = parts
        var needed = 0
        while let part = parts.first {
            parts = parts.dropFirst()
            guard case .literal(let literal) = part else {
                needed += 1
                continue
            }
            let bytes = Array(literal.utf8)
            if needed == 0 {
                guard name.starts(with: bytes) else { return false }
                name = name.dropFirst(bytes.count)
                continue
            }
            if parts.isEmpty {
                return name.count >= needed + bytes.count && name.suffix(bytes.count).elementsEqual(bytes)
            }
            // The earliest place leaves most for what follows.
            guard name.count >= needed + bytes.count,
                let start = (name.startIndex + needed...name.endIndex - bytes.count).first(where: {
                    name[$0..<$0 + bytes.count].elementsEqual(bytes)
                })
            else { return false }
            name = name[(start + bytes.count)...]
            needed = 0
        }
        return needed == 0 ? name.isEmpty : name.count >= needed
    }
}
