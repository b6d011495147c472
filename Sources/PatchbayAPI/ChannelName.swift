/// What the name of a channel may be: one rule for names in files, for names that templates render, and for names that
/// clients ask for. What no file and no record can name must not be subscribed to either.
public enum ChannelName {
    /// Bytes of the longest name, in UTF-8.
    public static let maximumBytes = 255

    /// Why a text is no channel's name.
    public enum Fault: Error, Sendable, Equatable {
        case empty
        /// More than `maximumBytes`.
        case tooLong
        /// A control character, a line break, or a mark that changes the direction of text: it would spoil logs and terminals.
        case unprintable
    }

    /// What is wrong with a name, given as UTF-8; `nil` when it is good. Costs one pass over its bytes: it is asked for every
    /// record that a template renders.
    public static func fault(in name: [UInt8]) -> Fault? {
        guard !name.isEmpty else { return .empty }
        guard name.count <= maximumBytes else { return .tooLong }
        for index in name.indices {
            let byte = name[index]
            if byte < 0x20 || byte == 0x7F || (byte >= 0xC2 && isUnprintable(name, at: index)) { return .unprintable }
        }
        return nil
    }

    /// What is wrong with a name; `nil` when it is good.
    public static func fault(in name: String) -> Fault? {
        // Counted before it is copied: a client's name may have megabytes.
        name.utf8.count > maximumBytes ? .tooLong : fault(in: Array(name.utf8))
    }

    /// Whether a scalar that is not to be shown begins at an index. By its bytes in UTF-8: U+0080–009F are C2 80–9F, 200E, 200F
    /// and 2028–202E are E2 80 8E and so on, 2066–2069 are E2 81 A6–A9, and FEFF is EF BB BF.
    private static func isUnprintable(_ name: [UInt8], at index: Int) -> Bool {
        func byte(_ offset: Int) -> UInt8 { index + offset < name.count ? name[index + offset] : 0 }
        return switch (name[index], byte(1)) {
        case (0xC2, 0x80...0x9F): true
        case (0xE2, 0x80): (0x8E...0x8F).contains(byte(2)) || (0xA8...0xAE).contains(byte(2))
        case (0xE2, 0x81): (0xA6...0xA9).contains(byte(2))
        case (0xEF, 0xBB): byte(2) == 0xBF
        default: false
        }
    }

    /// The part of a name that other systems take for a pattern: a segment `*`, `**`, `>`, `#` or `+` between `.`, `/` and `:`
    /// (NATS, MQTT, AMQP), or a `*` at the end (Redis). `nil` when there is none.
    ///
    /// Channels have no patterns; such a name is meant as itself, and so it is only right when there is a channel of exactly
    /// that name.
    public static func wildcard(in name: String) -> String? {
        let segments = name.split(omittingEmptySubsequences: false) { $0 == "." || $0 == "/" || $0 == ":" }
        if let segment = segments.first(where: { ["*", "**", ">", "#", "+"].contains($0) }) { return String(segment) }
        return name.utf8.last == UInt8(ascii: "*") ? "*" : nil
    }
}
