import PatchbayAPI
import PatchbayJSON

/// An expression of a filter, ready to judge records.
///
/// Thread: any. Made where the configuration is loaded; a consumer thread only uses it.
enum FilterExpression: Sendable {
    /// Simple enough to be judged without jq.
    case condition(FilterCondition)
    /// One of the expressions of a program of jq.
    case program(JQProgram, index: Int)

    /// Why there is none.
    struct Invalid: Error, Equatable {
        let reason: String
        let hint: String
    }

    /// What the expression says of a record.
    enum Verdict: Equatable {
        /// Its first result is neither `false` nor `null`.
        case holds
        /// Its first result is, or it has none.
        case doesNotHold
        /// It failed, in jq's words.
        case failed(String)
    }

    static let hint = "for example `where: .level == \"error\"`; see jq's manual"

    /// All expressions of a file at once, in their order: those that need jq share programs of it.
    static func compile(_ texts: [String]) -> [Result<FilterExpression, Invalid>] {
        var outcomes: [ByteString: Result<FilterExpression, Invalid>] = [:]
        var sources: [JQProgram.Source] = []
        var seen: Set<ByteString> = []
        for text in texts where seen.insert(ByteString(text)).inserted {
            let tokens = JQTokens(text)
            let condition = FilterCondition(tokens)
            if condition == nil, let objection = recordObjection(tokens) {
                outcomes[ByteString(text)] = .failure(objection)
                continue
            }
            do throws(FilterLanguage.Objection) {
                try FilterLanguage.check(tokens)
            } catch {
                outcomes[ByteString(text)] = .failure(Invalid(reason: error.reason, hint: error.hint))
                continue
            }
            if let condition {
                outcomes[ByteString(text)] =
                    condition.neverHolds
                    .map { .failure(Invalid(reason: "no record can pass: \($0)", hint: "remove the route, or fix the condition")) }
                    ?? .success(.condition(condition))
            } else {
                sources.append((text, tokens))
            }
        }
        for (source, outcome) in zip(sources, JQProgram.compile(sources)) {
            outcomes[ByteString(source.text)] = outcome.map { .program($0.program, index: $0.index) }
                .mapError { Invalid(reason: $0.reason, hint: hint) }
        }
        return texts.map { outcomes[ByteString($0)] ?? .failure(Invalid(reason: "jq doesn't accept it", hint: hint)) }
    }

    /// What is wrong with a property of the record in an expression that is more than a condition.
    private static func recordObjection(_ tokens: JQTokens) -> Invalid? {
        for (index, token) in tokens.tokens.enumerated() {
            guard case .sign(let sign) = token, RecordProperty.signs.contains(sign) else { continue }
            var rest = tokens.tokens[(index + 1)...]
            guard RecordProperty(sign, &rest) != nil else {
                return Invalid(reason: "`@header` needs the header's name", hint: "write `@header.NAME`, or `@header.\"any-name\"`")
            }
            if sign == "@header", rest.first == .sign("-") {
                return Invalid(
                    reason: "a header's name with `-` in it needs quotes", hint: "write `@header.\"trace-id\"`")
            }
            return Invalid(
                reason: "`\(sign)` can only be compared with literal text or a literal number; join comparisons by `and` and `or`",
                hint: "for example `where: @topic == \"a\" or @key != null`; put the rest into a `filter` of its own")
        }
        return nil
    }
}
