import PatchbayAPI

extension ConfigFields {
    /// Keys of one entry of a route's `tests`.
    public static let test: [Field] = [
        Field(
            "name", .string(),
            documentation: "What the test shows. `test 1`, `test 2` and so on when left out.",
            example: "name: errors pass, reduced"),
        Field(
            "topic", .string(),
            documentation: """
                Topic that the record is from; the route must take it. The first topic that the route names when left out; \
                needed when all of them are regular expressions.
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
                The record's value. A mapping, list, number or boolean becomes JSON; a text is the value as it is; `null` is \
                a tombstone.
                """,
            example: "input: { service: api, level: error }"),
        Field(
            "expect", .list(.object(expected)),
            documentation: """
                The messages that must come of it, in any order; `[]` when the record is to be left out. A test has either \
                this or `error`.
                """,
            example: "expect: [{ channel: errors, data: { level: error } }]"),
        Field(
            "error", .string(),
            documentation: "The code with which the record must be refused. A test has either this or `expect`.",
            example: "error: missing_field"),
    ]

    /// Keys of one entry of a test's `expect`. What is left out isn't compared.
    public static let expected: [Field] = [
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
    ]
}
