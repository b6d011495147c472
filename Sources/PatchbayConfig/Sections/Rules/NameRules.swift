import PatchbayAPI

/// What names and addresses may look like. Each returns what a good one must be and a hint, or `nil` when it is good.
enum NameRules {
    struct Objection: Equatable {
        let problem: String
        let hint: String?
        /// Whether the problem repeats the text, which a secret's must not.
        let repeatsText: Bool
        /// Whether it works all the same.
        let isWarning: Bool

        init(_ problem: String, _ hint: String?, repeatsText: Bool = false, isWarning: Bool = false) {
            self.problem = problem
            self.hint = hint
            self.repeatsText = repeatsText
            self.isWarning = isWarning
        }
    }

    /// Longest name of a route or cluster, in characters.
    static let longestName = 200

    /// A plain name or a template.
    static func channel(_ name: String) -> Objection? {
        switch ChannelName.fault(in: name) {
        case nil: break
        case .empty, .tooLong: return Objection("must have between 1 and \(ChannelName.maximumBytes) bytes", nil)
        case .unprintable: return Objection(unprintable, nil)
        }
        do {
            _ = try ChannelTemplate(name)
            return nil
        } catch {
            return Objection(error.problem, error.hint, repeatsText: true)
        }
    }

    private static let unprintable =
        "must not contain control characters, line breaks or marks that change the direction of text"

    /// Names of routes and clusters, and types: anything that can be shown.
    static func plainName(_ name: String) -> Objection? {
        guard (1...longestName).contains(name.unicodeScalars.count) else {
            return Objection("must have between 1 and \(longestName) characters", nil)
        }
        guard name.unicodeScalars.allSatisfy(DisplayText.isHarmless) else {
            return Objection(unprintable, nil)
        }
        return nil
    }

    /// Types of the protocol's own messages (docs/protocol.md): a client couldn't tell such a record from one of them.
    static let reservedTypes: Set<String> = [
        "subscription_confirmed", "gap", "pong", "error", "channel_closed", "server_shutdown",
    ]

    static func messageType(_ type: String) -> Objection? {
        if reservedTypes.containsBytes(of: type) {
            return Objection("must not be the type of one of the server's own messages", "use another word, such as `\(type)_data`")
        }
        return plainName(type)
    }

    /// Kafka's own rule (org.apache.kafka.common.internals.Topic): 1 to 249 of `[a-zA-Z0-9._-]`, but neither `.` nor `..`.
    static func topic(_ name: String) -> Objection? {
        if name.utf8.first == UInt8(ascii: "^") { return Objection("must be one topic, not a regular expression", nil) }
        guard (1...249).contains(name.utf8.count), name != ".", name != "..", name.utf8.allSatisfy(isTopicByte) else {
            return Objection(
                "must be a Kafka topic: 1 to 249 of the characters `a`–`z`, `A`–`Z`, `0`–`9`, `.`, `_` and `-`", nil
            )
        }
        return nil
    }

    private static func isTopicByte(_ byte: UInt8) -> Bool { isHostByte(byte) }

    /// Letters, digits, `.`, `_` and `-`: topics allow exactly these, and so do host names in practice.
    static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
