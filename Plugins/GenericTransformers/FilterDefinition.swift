import PatchbayAPI
import PatchbayJSON

extension FilterTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "filter",
        summary: "Passes on the records for which a jq expression holds, byte for byte.",
        defaultType: nil,
        options: [
            Field(
                "where", .string(), required: true,
                documentation: """
                    An expression in the language of jq (1.6). A record passes when its first result is neither `false` nor \
                    `null`. When the expression fails, the record is rejected as `expression_failed`. jq reads numbers as \
                    doubles, so comparisons of very long ones are inexact; what passes keeps every digit. May be given \
                    alone: `filter: .level == "error"`.

                    Fields: `.level`, `.user.id`, `."log.level"`, `.items[0].price`; see [naming fields](../fields.md#in-filters). \
                    `@key`, `@key.FIELD` (of a key that is JSON), `@topic`, `@partition`, `@timestamp` (milliseconds since 1970) and \
                    `@header.NAME` (or `@header."any-name"`) stand for what the record has besides its value; what it doesn't have is null. \
                    They can be compared with literals, and such comparisons can be joined, but they can't be used in \
                    other expressions.

                    Comparisons of fields with literals, joined by `and`, `or` and `| not`, cost less than a microsecond \
                    per record. Anything more is left to jq, at about ten microseconds for a record of 300 bytes, so put \
                    such filters behind cheaper steps where rates are high. A field starts with a dot (`.level`), text is in \
                    quotes; a comparison of two constants (`"level" == "error"`) is an error.

                    jq has no time limit, so only what is guaranteed to finish on every record may be used: all operators \
                    except assignments, `if`, `reduce`, `foreach`, `try`, `as`, `label`, and these functions: \
                    \(FilterLanguage.functions.map { "`\($0)`" }.joined(separator: ", ")). `recurse` takes no argument, \
                    `split` takes one, `index`, `rindex` and `indices` take literal text, and text can't be multiplied.
                    """,
                example: #"where: .level == "error""#),
            RecordOptions.loneSurrogates,
        ],
        shorthand: "where",
        examples: [
            TransformerExample(
                title: "An error passes", options: ["where": .string(#".level == "error""#)],
                input: #"{"level":"error","n":1.50}"#, outcome: .data(#"{"level":"error","n":1.50}"#)),
            TransformerExample(
                title: "Anything else is left out", options: ["where": .string(#".level == "error""#)],
                input: #"{"level":"info"}"#, outcome: .filtered),
            TransformerExample(
                title: "A field that isn't there is null", options: ["where": .string(".user.id")],
                input: #"{"level":"info"}"#, outcome: .filtered),
            TransformerExample(
                title: "Conditions are joined", options: ["where": .string(#".price > 100 and (.tags | index("hot"))"#)],
                input: #"{"price":120,"tags":["new","hot"]}"#, outcome: .data(#"{"price":120,"tags":["new","hot"]}"#)),
            TransformerExample(
                title: "The record's topic, key and headers can be asked for",
                options: ["where": .string(#".level == "error" and @header.env != "test""#)],
                input: #"{"level":"error"}"#, outcome: .data(#"{"level":"error"}"#)),
            TransformerExample(
                title: "Numbers have no fields", options: ["where": .string(".price.usd > 1")],
                input: #"{"price":120}"#, outcome: .rejected(code: "expression_failed", field: nil)),
            TransformerExample(
                title: "What isn't JSON is refused", options: ["where": .string("true")], input: "{",
                outcome: .rejected(code: "invalid_json", field: nil)),
        ],
        outputSchema: { _ in .unchanged },
        configure: { (options) throws(OptionError) in try factory(FilterExpression.compile([text(options)])[0], options) },
        // Together, because jq reads its library again for every program.
        configureAll: { all in
            zip(FilterExpression.compile(all.map(text)), all).map { outcome, options in
                Result { () throws(OptionError) in try factory(outcome, options) }
            }
        }
    )

    private static func text(_ options: OptionValues) -> String { options.string("where") ?? "" }

    private static func factory(
        _ outcome: Result<FilterExpression, FilterExpression.Invalid>, _ options: OptionValues
    ) throws(OptionError) -> TransformerDefinition.Factory {
        do throws(FilterExpression.Invalid) {
            let expression = try outcome.get()
            let loneSurrogates = RecordOptions.loneSurrogates(options)
            return { FilterTransformer(expression, loneSurrogates: loneSurrogates) }
        } catch {
            throw OptionError(option: "where", message: error.reason, hint: error.hint)
        }
    }
}
