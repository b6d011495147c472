import PatchbayAPI
import Testing

@testable import PatchbayCore

@Suite struct TransformerSetTests {
    private static func definition(_ name: String) -> TransformerDefinition {
        TransformerDefinition(name: name, summary: "", defaultType: nil) { _ in { MarkTransformer() } }
    }

    private static func set(_ names: String..., from origin: String) throws -> TransformerSet {
        try TransformerSet(names.map(definition), from: origin)
    }

    @Test func setsAddUpInOrder() throws {
        let sum = try Self.set("b", "a", from: "the built-in ones").adding(Self.set("c", from: "c.so"))
        #expect(sum.definitions.map(\.name) == ["b", "a", "c"])
        #expect(sum["c"]?.name == "c" && sum["d"] == nil && TransformerSet()["a"] == nil)
        let rest = sum.filter { $0.name != "a" }
        #expect(rest.definitions.map(\.name) == ["b", "c"] && rest["a"] == nil && rest["c"]?.name == "c")
    }

    @Test func aDuplicateNamesBoth() throws {
        let error = #expect(throws: TransformerSet.Duplicate.self) {
            _ = try Self.set("a", from: "the built-in ones").adding(Self.set("b", "a", from: "plugins/a.so"))
        }
        #expect(error?.description == "two transformers are called \"a\": one of the built-in ones, one of plugins/a.so")
        #expect(throws: TransformerSet.Duplicate.self) { _ = try Self.set("a", "a", from: "a.so") }
    }

    /// Canonically equal names are two names.
    @Test func namesAreComparedByTheirBytes() throws {
        #expect(try Self.set("\u{E9}", "e\u{301}", from: "x").definitions.count == 2)
    }
}
