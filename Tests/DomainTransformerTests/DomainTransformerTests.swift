import CAllocationCounter
import PatchbayAPI
import Testing
import TransformerTestSupport

/// What the token, trade and aggregate transformers have in common.
@Suite("The domain transformers")
struct DomainTransformerTests {
    @Test("Every example comes out as documented", arguments: DomainCase.all)
    func examples(_ domain: DomainCase) throws {
        for example in domain.definition.examples {
            let outcome = try domain.definition.outcome(of: example.input, options: example.options)
            #expect(outcome.example == example.outcome, "\(example.title): \(outcome)")
        }
    }

    @Test("They are named, typed and documented", arguments: DomainCase.all)
    func identity(_ domain: DomainCase) {
        let definition = domain.definition
        #expect(definition.defaultType == domain.defaultType)
        #expect(domain.plugin.lowercased().hasPrefix(definition.name))
        #expect(Set(definition.options.map(\.name)).isSuperset(of: ["naming", "fields", "tokens"]))
        #expect(definition.options.allSatisfy { !$0.documentation.isEmpty && $0.example != nil })
        #expect(!definition.examples.isEmpty)
        #expect(Set(definition.examples.map(\.title)).count == definition.examples.count)
    }

    @Test("The accepted fixtures pass byte for byte", arguments: DomainCase.all)
    func accepted(_ domain: DomainCase) throws {
        let lines = try domain.lines("accepted.jsonl")
        #expect(!lines.isEmpty)
        for line in lines { #expect(try domain.definition.outcome(of: line) == .data(line)) }
    }

    @Test("The rejected fixtures are rejected for their reason", arguments: DomainCase.all)
    func rejected(_ domain: DomainCase) throws {
        let lines = try domain.lines("rejected.jsonl")
        #expect(!lines.isEmpty)
        for line in lines {
            let fixture = try RejectedFixture(line: line)
            let outcome = try domain.definition.outcome(of: fixture.record)
            #expect(outcome.example == .rejected(code: fixture.code, field: fixture.field), "\(fixture): \(outcome)")
            #expect(outcome.rejection?.explanation.contains(fixture.field ?? "record") == true)
        }
    }

    @Test(
        "What isn't a record at all is rejected",
        arguments: [
            ("", "invalid_json"), ("{", "invalid_json"), ("[]", "not_an_object"), ("7", "not_an_object"),
            ("{}", "missing_field"), (String(repeating: "[", count: 65) + String(repeating: "]", count: 65), "too_deep"),
            ("\"" + String(repeating: "x", count: 1 << 20) + "\"", "not_an_object"),
        ], DomainCase.all)
    func refuses(_ input: (text: String, code: String), _ domain: DomainCase) throws {
        #expect(try domain.definition.outcome(of: input.text).rejection?.code == input.code)
    }

    @Test("A tombstone is rejected, and its neighbours pass", arguments: DomainCase.all)
    func tombstone(_ domain: DomainCase) throws {
        let record = Array(domain.sample.utf8)
        let outcomes = try domain.definition.outcomes(of: [record, nil, record])
        #expect(outcomes == [.data(domain.sample), .rejected(.tombstone), .data(domain.sample)])
    }

    @Test("Every prefix of a record gets exactly one answer, a rejection", arguments: DomainCase.all)
    func prefixes(_ domain: DomainCase) throws {
        let record = Array(domain.sample.utf8)
        let outcomes = try domain.definition.outcomes(of: record.indices.map { Array(record[..<$0]) })
        #expect(outcomes.allSatisfy { $0.rejection?.code == "invalid_json" })
    }

    @Test("Unknown fields in `fields` are refused with a hint", arguments: DomainCase.all)
    func unknownField(_ domain: DomainCase) {
        let error = #expect(throws: OptionError.self) { try domain.definition.make(["fields": .strings(domain.misspelt.wrong)]) }
        #expect(error?.option == "fields")
        #expect(error?.hint == "did you mean `\(domain.misspelt.right)`?")
    }

    @Test("`tokens` compares hexadecimal addresses without regard to case", arguments: DomainCase.all)
    func tokens(_ domain: DomainCase) throws {
        let text = domain.sample
        let address = "0X0000000000000000000000000000000000000001"
        #expect(try domain.definition.outcome(of: text, options: ["tokens": .strings("0x02", address)]) == .data(text))
        #expect(try domain.definition.outcome(of: text, options: ["tokens": .strings("0x02")]) == .filtered)
        #expect(throws: OptionError.self) { try domain.definition.make(["tokens": .list([])]) }
    }

    @Test("A broken record is rejected even when an option would leave it out", arguments: DomainCase.all)
    func checksBeforeFiltering(_ domain: DomainCase) throws {
        let outcome = try domain.definition.outcome(of: #"{"token":"0x1"}"#, options: ["tokens": .strings("0x02")])
        #expect(outcome.rejection?.code == "missing_field")
    }

    @Test("The other naming and back leaves the record as it was", arguments: DomainCase.all)
    func roundTrip(_ domain: DomainCase) throws {
        let snake = try domain.definition.outcome(of: domain.sample, options: ["naming": .string("snake_case")])
        guard case .data(let snakeText) = snake else {
            Issue.record("\(snake)")
            return
        }
        let pascal = try domain.definition.outcome(of: snakeText, options: ["naming": .string("pascal_case")])
        guard case .data(let pascalText) = pascal else {
            Issue.record("\(pascal)")
            return
        }
        #expect(snakeText != pascalText)
        #expect([snakeText, pascalText].contains(domain.sample))
    }

    @Test(
        "Nothing is allocated per record, with or without options", .enabled(if: allocation_count_is_available()),
        arguments: DomainCase.all)
    func allocations(_ domain: DomainCase) throws {
        let variants: [[String: ConfigValue]] = [
            [:], ["naming": .string("pascal_case")], ["naming": .string("snake_case")],
            ["tokens": .strings("0x0000000000000000000000000000000000000001")], ["fields": .strings(domain.misspelt.right)],
            [domain.ownOption.name: domain.ownOption.value], domain.additions,
        ]
        let lines = try domain.lines("accepted.jsonl")
        let batch = OwnedBatch(lines.map { Array($0.utf8) })
        for options in variants {
            let transformer = try domain.definition.make(options)
            let sink = CountingSink()
            for _ in 0..<2 { batch.run(transformer, into: sink) }
            let before = allocation_count()
            for _ in 0..<50 { batch.run(transformer, into: sink) }
            #expect(allocation_count() == before, "\(options)")
            #expect(sink.rejected == 0)
            #expect(sink.emitted + sink.filtered == 52 * lines.count)
        }
    }
}
