import GenericTransformers
import PatchbayAPI
import PatchbayCore
import PatchbayJSON
import Testing

/// A channel that couldn't be made of an empty text was refused with "the output has no text, number or boolean there",
/// although there was a text. What is there is said now, whatever it is.
@Suite struct TemplateWordsTests {
    private func explanation(_ template: String, _ record: SampledRecord) throws -> String? {
        let definition = JSONTransformer.definition
        let step = Route.Step(
            transformer: "json", make: try definition.configure(OptionValues(defaultsOf: definition.options)))
        let route = Route(
            name: "r", topics: [.name("t")], steps: [step], type: "m", channels: [try ChannelTemplate(template)],
            makeFieldReader: { JSONFieldReader(paths: $0) })
        return RouteTrial(route: route, maxRecord: 1 << 20).run(record, topic: "t").rejections.first?.explanation
    }

    @Test(arguments: [
        (#"{"a":""}"#, "`a` is empty text"), (#"{"b":1}"#, "`a` is missing"), (#"{"a":null}"#, "`a` is null"),
        (#"{"a":{}}"#, "`a` is an object"),
        (#"{"a":[1]}"#, "`a` is an array"), (#"{"a":"\ud83d"}"#, "`a` holds half of a surrogate pair"),
    ])
    func aFieldIsCalledWhatItIs(value: String, part: String) throws {
        let said = try explanation("x.{a}", SampledRecord(key: nil, value: Array(value.utf8)))
        #expect(said?.contains(part) == true && said?.contains("non-empty text") == true, "\(said ?? "")")
    }

    @Test func keysAndHeadersAreCalledWhatTheyAre() throws {
        let none = SampledRecord(key: nil, value: [0x31])
        let empty = SampledRecord(key: [], value: [0x31], headers: [.init(name: "h", value: [])])
        #expect(try explanation("{@key}", none)?.contains("`@key` is missing") == true)
        #expect(try explanation("{@key}", empty)?.contains("`@key` is empty text") == true)
        #expect(try explanation("{@header.h}", none)?.contains("`@header.h` is missing") == true)
        #expect(try explanation("{@header.h}", empty)?.contains("`@header.h` is empty text") == true)
    }
}
