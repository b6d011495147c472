import PatchbayAPI
import Testing
import TransformerTestSupport

@testable import TokenTransformer

/// What only this one does; the rest is in DomainTransformerTests.
@Suite("The token transformer")
struct TokenTransformerTests {
    static let definition = TokenTransformer.definition

    @Test("`amm` keeps one sort only")
    func amm() throws {
        let yes = TokenExamples.pascal
        let no = TokenExamples.snake.split(separator: "true").joined(separator: "false")
        for (text, isAMM) in [(yes, true), (no, false)] {
            for wanted in [true, false] {
                let outcome = try Self.definition.outcome(of: text, options: ["amm": .bool(wanted)])
                #expect(outcome == (isAMM == wanted ? .data(text) : .filtered))
            }
            #expect(try Self.definition.outcome(of: text) == .data(text))
        }
    }
}
