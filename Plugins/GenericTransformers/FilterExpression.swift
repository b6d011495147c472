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

    private typealias Source = (text: String, tokens: JQTokens)

    /// All expressions of a file at once, in their order: those that need jq share programs of it.
    static func compile(_ texts: [String]) -> [Result<FilterExpression, Invalid>] {
        var outcomes: [ByteString: Result<FilterExpression, Invalid>] = [:]
        var group: [Source] = []
        var bytes = 0
        func finishGroup() {
            for (source, outcome) in zip(group, programs(group[...])) { outcomes[ByteString(source.text)] = outcome }
            group = []
            bytes = 0
        }
        var seen: Set<ByteString> = []
        for text in texts where seen.insert(ByteString(text)).inserted {
            let tokens = JQTokens(text)
            do throws(FilterLanguage.Objection) {
                try FilterLanguage.check(tokens)
            } catch {
                outcomes[ByteString(text)] = .failure(Invalid(reason: error.reason, hint: error.hint))
                continue
            }
            if let condition = FilterCondition(tokens) {
                outcomes[ByteString(text)] = .success(.condition(condition))
            } else if !tokens.isBalanced || text.utf8.count > JQProgram.maximumBytes {
                // By itself: it is wrong, or large.
                outcomes[ByteString(text)] = programs([(text, tokens)])[0]
            } else {
                if group.count == JQProgram.maximumExpressions || bytes + text.utf8.count > JQProgram.maximumBytes {
                    finishGroup()
                }
                group.append((text, tokens))
                bytes += text.utf8.count
            }
        }
        finishGroup()
        return texts.map { outcomes[ByteString($0)] ?? .failure(Invalid(reason: "jq doesn't accept it", hint: hint)) }
    }

    /// One program for all, unless one of them is wrong: then halves, until it is alone with what jq says of it.
    private static func programs(_ sources: ArraySlice<Source>) -> [Result<FilterExpression, Invalid>] {
        guard !sources.isEmpty else { return [] }
        do throws(JQProgram.Invalid) {
            let program = try JQProgram(Array(sources))
            return sources.indices.map { .success(.program(program, index: $0 - sources.startIndex)) }
        } catch {
            if sources.count == 1 { return [.failure(Invalid(reason: error.reason, hint: hint))] }
            let middle = (sources.startIndex + sources.endIndex) / 2
            return programs(sources[..<middle]) + programs(sources[middle...])
        }
    }
}
