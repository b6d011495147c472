import PatchbayAPI

/// One entry of a route's `tests`.
public struct RouteTest: Sendable {
    public let name: String
    /// The topic the record is from; the route's first plain topic when the file gives none.
    public let topic: String
    /// The record's key; `nil` for none.
    public let key: String?
    public let headers: [(name: String, value: String)]
    /// The record's value: text as it is given, or JSON made of the file's mapping; `nil` for a tombstone.
    public let input: String?
    public let expectation: Expectation
    public let position: SourcePosition

    public enum Expectation: Sendable {
        /// These envelopes, one per channel, in any order; none means that the record is filtered.
        case envelopes([ExpectedEnvelope])
        /// The record is refused with this code.
        case error(code: String)
    }

    package init(
        name: String, topic: String, key: String?, headers: [(name: String, value: String)], input: String?,
        expectation: Expectation, position: SourcePosition
    ) {
        self.name = name
        self.topic = topic
        self.key = key
        self.headers = headers
        self.input = input
        self.expectation = expectation
        self.position = position
    }
}

/// What a test expects on one channel. What is `nil` is not compared.
public struct ExpectedEnvelope: Sendable {
    public let channel: String?
    public let type: String?
    /// JSON. The order of names and the way numbers are written don't matter; no digit of theirs is rounded.
    public let data: String?
    /// Whether it says that something was deleted.
    public let deleted: Bool?
    /// What was deleted.
    public let key: String?
    public let position: SourcePosition

    package init(channel: String?, type: String?, data: String?, deleted: Bool?, key: String?, position: SourcePosition) {
        self.channel = channel
        self.type = type
        self.data = data
        self.deleted = deleted
        self.key = key
        self.position = position
    }
}

extension RouteTest {
    /// Keys of one entry of a route's `tests`.
    package static let fields: [Field] = [
        Field(
            "name", .string(),
            documentation: "What the test shows. `test 1`, `test 2` and so on when left out.",
            example: "name: errors pass, reduced"),
        Field(
            "topic", .string(),
            documentation: """
                Topic that the record comes from; the route must take it. When left out, the first topic that the route \
                names; required when all of them are regular expressions.
                """,
            example: "topic: metrics.api"),
        Field(
            "key", .scalar,
            documentation: "The record's key. None when left out.",
            example: "key: api"),
        Field(
            "headers", .dictionary(.scalar),
            documentation: "The record's headers, by name.",
            example: "headers: { trace: abc }"),
        Field(
            "input", .any, required: true,
            documentation: """
                The record's value. A mapping, list, number or boolean becomes JSON; text is the value as it is; `null` is \
                a tombstone.
                """,
            example: "input: { service: api, level: error }"),
        Field(
            "expect", .list(.object(ExpectedEnvelope.fields)),
            documentation: """
                The messages that must result, in any order; `[]` when the record must be left out. A test has either \
                this or `error`.
                """,
            example: "expect: [{ channel: errors, data: { level: error } }]"),
        Field(
            "error", .string(),
            documentation: "The code with which the record must be refused. A test has either this or `expect`.",
            example: "error: missing_field"),
    ]
}

extension ExpectedEnvelope {
    /// Keys of one entry of a test's `expect`. What is left out isn't compared.
    package static let fields: [Field] = [
        Field(
            "channel", .string(),
            documentation: "Name of the channel, with the placeholders of a template filled in.",
            example: "channel: trades.abc"),
        Field(
            "type", .string(),
            documentation: "The message's `type`.",
            example: "type: trade_data"),
        Field(
            "data", .any,
            documentation: "The message's data, compared as JSON: the order of names and the way numbers are written don't matter.",
            example: "data: { level: error }"),
        Field(
            "deleted", .bool,
            documentation: "Whether the message says that something was deleted (`tombstones: message`).",
            example: "deleted: true"),
        Field(
            "key", .scalar,
            documentation: "The key that the message says was deleted.",
            example: "key: \"0x01\""),
    ]
}
