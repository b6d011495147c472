import Foundation
import PatchbayAPI
import PatchbayConfig
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins
@testable import PatchbayRuntime

/// `plugins` of routes.yaml: what is loaded, and what is said of what can't be.
@Suite("Loading of plugins")
struct LoadingTests {
    /// What is found in a file that names these plugins, beside a route that is right and one with a mistake of its own.
    private func load(_ folder: PluginFolder, _ plugins: String..., routes: String = "") throws -> LoadedConfiguration {
        let list = plugins.map { "  - path: \($0)\n" }.joined()
        try folder.write(
            """
            version: 1
            plugins:
            \(list)routes:
              - { topic: a, transform: json, channel: c }
            \(routes)

            """, to: "routes.yaml")
        return ConfigurationFile.read(folder.routes, environment: [:], transformers: try BuiltinTransformers.set())
    }

    private func messages(_ loaded: LoadedConfiguration) -> [String] { loaded.findings.map(\.message) }

    @Test("A plugin's transformers are like those that ship")
    func loads() async throws {
        let folder = try PluginFolder()
        try folder.write(try await PluginFixture.liar(), to: "liar.so")
        let loaded = try load(folder, "liar.so", routes: "  - { topic: b, transform: { liar: { greeting: hi } }, channel: d }")
        #expect(messages(loaded) == [])
        let configuration = try #require(loaded.configuration)
        #expect(configuration.plugins.map(\.path) == ["liar.so"])
        let definition = try #require(configuration.transformers["liar"])
        #expect(definition.options.map(\.name) == ["refuse", "greeting"] && definition.summary == "Does what the value says.")
        #expect(definition.outputSchema(OptionValues([:])) == .schema(#"{"type":"object"}"#))
        #expect(configuration.routes[1].steps[0].options == OptionValues(["greeting": .string("hi")]))
        #expect(loaded.files == [folder.routes, folder.path("liar.so")], "a change of it is noticed")
    }

    @Test("Options are checked as the description says, at their place")
    func options() async throws {
        let folder = try PluginFolder()
        try folder.write(try await PluginFixture.liar(), to: "liar.so")
        let loaded = try load(
            folder, "liar.so",
            routes: "  - { topic: b, transform: { liar: { greting: 1 } }, channel: d }\n  - { topic: x, transform: lair, channel: d }")
        #expect(messages(loaded) == ["unknown key `greting`", "there is no transformer `lair`"])
        #expect(loaded.findings.first?.hint == "did you mean `greeting`?" && loaded.findings.first?.position?.line == 6)
        let refused = try load(folder, "liar.so", routes: "  - { topic: b, transform: { liar: { refuse: not today } }, channel: d }")
        #expect(messages(refused) == ["`liar`: the plugin refuses these options: not today"])
    }

    @Test("A transformer that remembers records can't be on a route that takes them back")
    func remembers() async throws {
        let folder = try PluginFolder()
        try folder.write(try await PluginFixture.liar(), to: "liar.so")
        let loaded = try load(folder, "liar.so", routes: "  - { topic: b, transform: liar, channel: d, on_error: stop }")
        #expect(
            messages(loaded) == ["`liar` remembers earlier records, and a route with `on_error: stop` takes records back when it stops"])
        #expect(messages(try load(folder, "liar.so", routes: "  - { topic: b, transform: liar, channel: d, on_error: skip }")) == [])
    }

    @Test("A file that isn't a plugin of this interface is a finding with its path, and nothing else breaks")
    func failures() async throws {
        let folder = try PluginFolder()
        let right = try await PluginFixture.liar()
        try folder.write("not a library", to: "text.so")
        try folder.write("", to: "empty.so")
        try folder.write(Array(right.dropLast(right.count / 2)), to: "half.so")
        try folder.write(try await PluginFixture.liar("-DABI=2"), to: "next.so")
        try folder.write(try await PluginFixture.liar("-DNO_PROCESS"), to: "less.so")
        try folder.write(try await PluginFixture.liar("-DNO_DESCRIPTION"), to: "mute.so")
        try folder.write(try await PluginFixture.liar("-DNO_TICK"), to: "still.so")
        try folder.write(try await PluginFixture.liar(#"-DDESCRIPTION="{\"transformers\":[{\"name\":\"Liar\"}]}""#), to: "name.so")
        let expected = [
            ("text.so", "plugin `text.so` is neither a shared library nor a WebAssembly module"),
            ("empty.so", "plugin `empty.so` is empty"),
            ("half.so", "plugin `half.so` is incomplete"),
            ("next.so", "plugin `next.so` is made for version 2 of the plugin interface, and this Patchbay has version 1"),
            ("less.so", "plugin `less.so` doesn't export `patchbay_process`"),
            ("mute.so", "plugin `mute.so` gives no description"),
            ("still.so", "plugin `still.so` says that `liar` wants ticks, but doesn't export `patchbay_tick`"),
            (
                "name.so",
                "plugin `name.so` describes itself wrongly: `transformers[0].name` must be lower-case words joined by `_`, of at most 64 characters"
            ),
            ("nowhere.so", "can't read plugin `nowhere.so`: no such file"),
            (".", "can't read plugin `.`: it is a directory, not a file"),
        ]
        for (file, message) in expected {
            // The transformer of a plugin that can't be loaded is not said to be missing as well; other mistakes are reported.
            let loaded = try load(
                folder, file, routes: "  - { topic: b, transform: liar, channel: d }\n  - { topic: e, transform: jsn, chanel: d }")
            #expect(loaded.configuration == nil)
            #expect(messages(loaded) == [message, "there is no transformer `jsn`", "unknown key `chanel`"], "\(file)")
            #expect(loaded.findings.first?.position?.line == 3 && loaded.findings.first?.hint != nil, "\(file)")
        }
    }

    @Test("Names are unique, among plugins and with those that ship")
    func duplicates() async throws {
        let folder = try PluginFolder()
        try folder.write(try await PluginFixture.liar(), to: "one.so")
        try folder.write(try await PluginFixture.liar(#"-DANSWER="2""#), to: "two.so")
        let description = #"{"transformers":[{"name":"json","summary":"Mine."},{"name":"other","summary":"Other."}]}"#
        let flag = "-DDESCRIPTION=\"\(description.replacing("\"", with: "\\\""))\""
        try folder.write(try await PluginFixture.liar(flag), to: "json.so")
        #expect(
            messages(try load(folder, "one.so", "two.so")) == [
                "plugin `two.so` has a transformer `liar`, which plugin `one.so` has as well"
            ])
        #expect(messages(try load(folder, "one.so", "./one.so")) == ["plugin `./one.so` is listed twice: first on line 3"])
        let own = try load(folder, "json.so", routes: "  - { topic: b, transform: other, channel: d }")
        #expect(messages(own) == ["plugin `json.so` has a transformer `json`, which Patchbay has itself"])
    }

    @Test("A changed file is another plugin, and the old one goes on as it was")
    func changes() async throws {
        let folder = try PluginFolder()
        let route = "  - { topic: b, transform: liar, channel: d }"
        func answer(_ loaded: LoadedConfiguration) throws -> RecordOutcome {
            let transformer = try #require(loaded.configuration).routes[1].steps[0].factory()
            let sink = CollectingSink()
            OwnedBatch([Array("\"answer\"".utf8)]).run(transformer, into: sink)
            return try #require(sink.outcomes.first).outcome
        }
        try folder.write(try await PluginFixture.liar(#"-DANSWER="1001""#), to: "liar.so")
        let first = try load(folder, "liar.so", routes: route)
        let again = try load(folder, "liar.so", routes: route)
        // Written over in place, which would kill a process that has the file itself mapped.
        try Data(try await PluginFixture.liar(#"-DANSWER="1002""#)).write(to: folder.url.appendingPathComponent("liar.so"), options: [])
        let second = try load(folder, "liar.so", routes: route)
        #expect(try answer(first) == .data("1001") && answer(second) == .data("1002"))
        let (old, same, new) = (try #require(first.configuration), try #require(again.configuration), try #require(second.configuration))
        #expect(ConfigurationDifference(from: old, to: same).isEmpty)
        let changes = ConfigurationDifference(from: old, to: new).changes
        #expect(changes.map(\.kind) == ["route", "plugin"] && changes.allSatisfy { $0.action == .changed && !$0.needsRestart })
        #expect(first.contentHash == again.contentHash && first.contentHash != second.contentHash)
    }

    @Test("The same content is loaded once")
    func once() async throws {
        let bytes = try await PluginFixture.liar(#"-DANSWER="3003""#)
        func mappings() -> Int { PluginFixture.mappings().count { $0.contains("memfd:three.so") } }
        _ = try PluginLoader.load(bytes, name: "a/three.so")
        let count = mappings()
        _ = try PluginLoader.load(bytes, name: "b/three.so")
        #expect(count > 0)
        #expect(mappings() == count)
    }

    /// Anyone who reaches the admin port may send a candidate, and loading is running.
    @Test("A candidate can only name plugins that the server has")
    func candidates() async throws {
        let folder = try PluginFolder()
        try folder.write(try await PluginFixture.liar(), to: "liar.so")
        try folder.write(try await PluginFixture.liar(#"-DANSWER="4""#), to: "other.so")
        let known = try load(folder, "liar.so").known
        func answer(_ path: String) throws -> [String] {
            let text = "version: 1\nplugins: [{ path: \(path) }]\nroutes: [{ topic: a, transform: json, channel: c }]\n"
            return messages(
                ConfigurationFile.read(
                    Candidate(bytes: Array(text.utf8), known: known), insteadOf: folder.routes, environment: [:],
                    transformers: try BuiltinTransformers.set()))
        }
        #expect(try answer("liar.so") == [])
        let refusal = "a candidate can only name plugins that the server has already; reload the file itself"
        #expect(try answer("other.so") == ["can't read plugin `other.so`: \(refusal)"])
        #expect(try answer("routes.yaml") == ["can't read plugin `routes.yaml`: \(refusal)"])
        #expect(try answer("nowhere.so") == ["can't read plugin `nowhere.so`: no such file"])
    }

    @Test("An included file can't bring plugins")
    func included() throws {
        let folder = try PluginFolder()
        try folder.write("plugins: [{ path: x.so }]\n", to: "more.yaml")
        try folder.write(
            "version: 1\ninclude: more.yaml\nroutes: [{ topic: a, transform: json, channel: c }]\n", to: "routes.yaml")
        let loaded = ConfigurationFile.read(folder.routes, environment: [:], transformers: try BuiltinTransformers.set())
        #expect(messages(loaded) == ["`plugins` can't be set here"])
    }
}
