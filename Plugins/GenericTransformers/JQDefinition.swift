import PatchbayAPI

extension JQTransformer {
    /// What the registration list takes.
    public static let definition = TransformerDefinition(
        name: "jq",
        summary: "Passes on what a program of jq makes of a record: a message for each of its results.",
        defaultType: nil,
        options: [
            Field(
                "program", .string(minimumLength: 1), required: true,
                documentation: """
                    A program in the language of jq (1.6), which gets the record's value. Each result becomes a message; a record \
                    without one is left out. When the program fails, the record is rejected as `expression_failed`, with jq's words, and \
                    none of its results is passed on. May be given alone, in quotes where it begins with a bracket: `jq: '{id, at: .time}'`.

                    It costs about ten microseconds per record of 300 bytes; `pick`, `rename` and `drop` cost a fraction of that.

                    jq has no time limit, so only what is guaranteed to finish on every record may be used: what `filter` may use, \
                    `del` and assignments (`=`, `|=`, `+=` and so on) to fields that are named, such as `.a.b`, `.list[0]` or `(.a, .b)`. \
                    For the elements of a list write `.list |= map(…)`. A record has at most 10,000 results with 16 MiB in all.

                    The results are written again: without white space, and with numbers in their shortest form (`1.50` as `1.5`). \
                    Nothing is changed silently: a record with a number that jq can't hold exactly (see `long_numbers`), with a name that \
                    occurs twice in an object or with half a surrogate pair is rejected. What a program computes, it computes with doubles.
                    """,
                example: "program: '{token: .Token, usd: (.PriceUsd | tonumber)}'"),
            Field(
                "long_numbers", .choice(LongNumbers.allCases.map(\.rawValue)), default: .string(LongNumbers.reject.rawValue),
                documentation: """
                    What happens to a record with a number that jq, which has doubles only, can't hold exactly, such as a whole number \
                    behind 2^53 or one with twenty digits: it is rejected as `inexact_number`, or the program gets the number as text, \
                    with all its digits (`text`).
                    """,
                example: "long_numbers: text"),
        ],
        shorthand: "program",
        examples: [
            TransformerExample(
                title: "An object of other shape",
                options: ["program": .string("{token: .Token, usd: (.PriceUsd | tonumber)}")],
                input: #"{"Token":"0x1","PriceUsd":"0.40","Wallet":"0x2"}"#, outcome: .data(#"{"token":"0x1","usd":0.4}"#)),
            TransformerExample(
                title: "Fields are changed where they are",
                options: ["program": .string(#".price |= tonumber | .tags += ["checked"] | del(.secret)"#)],
                input: #"{"price":"1.5","tags":["new"],"secret":"x"}"#, outcome: .data(#"{"price":1.5,"tags":["new","checked"]}"#)),
            TransformerExample(
                title: "A record without a result is left out", options: ["program": .string(".items[] | select(.n > 5)")],
                input: #"{"items":[{"n":1}]}"#, outcome: .filtered),
            TransformerExample(
                title: "A long number is refused rather than rounded", options: ["program": .string("{id}")],
                input: #"{"id":9007199254740993}"#, outcome: .rejected(code: "inexact_number", field: "id")),
            TransformerExample(
                title: "Or is text, with all its digits",
                options: ["program": .string("{id}"), "long_numbers": .string("text")],
                input: #"{"id":9007199254740993}"#, outcome: .data(#"{"id":"9007199254740993"}"#)),
            TransformerExample(
                title: "jq says what is wrong", options: ["program": .string(".price + 1")],
                input: #"{"price":"1.5"}"#, outcome: .rejected(code: "expression_failed", field: nil)),
            TransformerExample(
                title: "Of a name that occurs twice, jq would keep one", options: ["program": .string(".")],
                input: #"{"a":1,"a":2}"#, outcome: .rejected(code: "duplicate_field", field: "a")),
            TransformerExample(
                title: "What isn't JSON is refused", options: ["program": .string(".")], input: "{",
                outcome: .rejected(code: "invalid_json", field: nil)),
        ],
        configure: { (options) throws(OptionError) in try factory(compile([options])[0], options) },
        // Together, because jq reads its library again for every program.
        configureAll: { all in
            zip(compile(all), all).map { outcome, options in
                Result { () throws(OptionError) in try factory(outcome, options) }
            }
        }
    )

    private static let hint = "for example `jq: '{id, at: .time}'`; see jq's manual"

    private static func compile(_ all: [OptionValues]) -> [Result<(program: JQProgram, index: Int), OptionError>] {
        var outcomes: [ByteString: Result<(program: JQProgram, index: Int), OptionError>] = [:]
        let texts = all.map { $0.string("program") ?? "" }
        var sources: [JQProgram.Source] = []
        var seen: Set<ByteString> = []
        for text in texts where seen.insert(ByteString(text)).inserted {
            let tokens = JQTokens(text)
            do throws(FilterLanguage.Objection) {
                try JQLanguage.check(tokens)
                sources.append((text, tokens))
            } catch {
                outcomes[ByteString(text)] = .failure(OptionError(option: "program", message: error.reason, hint: error.hint))
            }
        }
        for (source, outcome) in zip(sources, JQProgram.compile(sources)) {
            outcomes[ByteString(source.text)] = outcome.mapError { OptionError(option: "program", message: $0.reason, hint: hint) }
        }
        return texts.map {
            outcomes[ByteString($0)] ?? .failure(OptionError(option: "program", message: "jq doesn't accept it", hint: hint))
        }
    }

    private static func factory(
        _ outcome: Result<(program: JQProgram, index: Int), OptionError>, _ options: OptionValues
    ) throws(OptionError) -> TransformerDefinition.Factory {
        let (program, index) = try outcome.get()
        let longNumbers = options.string("long_numbers").flatMap { LongNumbers(rawValue: $0) } ?? .reject
        return { JQTransformer(program, index: index, longNumbers: longNumbers) }
    }
}
