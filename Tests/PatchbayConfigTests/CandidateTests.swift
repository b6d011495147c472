import PatchbayAPI
import PatchbayConfig
import Testing
import TransformerTestSupport

/// Candidates come from people who must not know the secrets that they name, and who read what is found.
@Suite("Candidates") struct CandidateTests {
    private func load(_ text: String, secret: String = "hunter2") -> LoadResult {
        ConfigurationLoader.load(
            candidate: Array(text.utf8), path: "/nowhere/routes.yaml", known: KnownFiles(),
            environment: ["SECRET": secret, "NUMBER": "4711"], transformers: fakes, checks: checks)
    }

    /// Like the real one: repeats the name, and suggests one of the output.
    private var checks: ConfigurationChecks {
        var checks = ConfigurationChecks.none
        checks.placeholder = { schema, path in
            path.text == schema ? nil : ("there is no `\(path.text)`", "did you mean `\(schema)`?")
        }
        return checks
    }

    private func found(_ result: LoadResult) -> [String] { result.diagnostics.map { "\($0.message) | \($0.hint ?? "")" } }

    /// Tests of routes, dead letters, overlaps and time spans are compared with each other, and whether they fit was told: with
    /// a pattern per route, `^h`, `^hu`, …, a candidate read a variable character by character.
    @Test(
        "tell nothing about a secret that they compare with a guess",
        arguments: [
            "routes: [{ topic: '^~~.*', transform: token, channel: c, tests: [{ topic: '${SECRET}', input: 1, expect: [] }] }]",
            "routes: [{ topic: '^~~.*${UNSET:-}', transform: token, channel: c, tests: [{ topic: '${SECRET}', input: 1, expect: [] }] }]",
            "routes: [{ topic: '^${SECRET}|^b', transform: token, channel: c, tests: [{ topic: '~~', input: 1, expect: [] }] }]",
            "routes: [{ topic: '^~~.*', transform: token, channel: c, on_error: dead_letter, dead_letter: '${SECRET}' }]",
            "defaults: { on_error: dead_letter, dead_letter: '${SECRET}' }\nroutes: [{ topic: '^~~.*', transform: token, channel: c }]",
            "routes: [{ topic: '^~~.*', transform: token, channel: c, on_error: dead_letter, dead_letter: d }, "
                + "{ topic: d, transform: token, channel: c, on_error: dead_letter, dead_letter: '${SECRET}' }]",
            "routes: [{ topic: a, transform: token, channels: ['${SECRET}', '~~z'] }, { topic: b, transform: token, channel: '~~{x}' }]",
        ])
    func guesses(_ text: String) {
        let right = found(load("version: 1\n" + text.replacing("~~", with: "hunt") + "\n")).map { $0.replacing("hunt", with: "xunt") }
        let wrong = found(load("version: 1\n" + text.replacing("~~", with: "xunt") + "\n"))
        #expect(right == wrong)
    }

    @Test("tell nothing about a secret number that they compare with another") func numbers() {
        func answer(_ earliest: String, _ latest: String) -> [String] {
            found(load(minimal("server: { reconnect_earliest: \(earliest), reconnect_latest: \(latest) }\n")))
        }
        #expect(answer("4712ms", "'${NUMBER}ms'") == answer("4710ms", "'${NUMBER}ms'"))
        #expect(answer("'${NUMBER}ms'", "4712ms") == answer("'${NUMBER}ms'", "4710ms"))
        #expect(answer("4712ms", "4711ms") != [])
    }

    /// What is skipped for a candidate is checked for the file itself, by `check` and when the server loads it.
    @Test("leave checks to the load of the file itself") func left() {
        let text =
            "version: 1\nroutes: [{ topic: '^h.*', transform: token, channel: c, on_error: dead_letter, dead_letter: '${SECRET}' }]\n"
        #expect(load(text).configuration != nil)
        for hides in [false, true] {
            let result = ConfigurationLoader.load(
                path: "routes.yaml", environment: ["SECRET": "hunter2"], transformers: fakes, hidesVariables: hides,
                files: .memory(["routes.yaml": Array(text.utf8)]))
            #expect(result.diagnostics.first?.message.contains("reads its own dead-letter topic") == true)
        }
    }

    /// The words about a placeholder name the field and what may have been meant: with `x.{${SASL_PASSWORD}}` a dry run answered
    /// "there is no `hunter2` in the output of the transformers".
    @Test("don't repeat a secret placeholder, or a secret field as a suggestion") func placeholders() {
        let maker = TransformerDefinition(
            name: "keep", summary: "Keeps.", defaultType: "kept",
            options: [Field("fields", .list(.string()), required: true, documentation: "Names.")], shorthand: "fields",
            outputSchema: { .schema($0.strings("fields")?.joined() ?? "") }
        ) { _ throws(OptionError) in { Nothing() } }
        func found(_ fields: String, _ channel: String) -> [String] {
            let text = "version: 1\nroutes: [{ topic: t, transform: { keep: ['\(fields)'] }, channel: 'x.{\(channel)}' }]\n"
            return ConfigurationLoader.load(
                candidate: Array(text.utf8), path: "/nowhere/routes.yaml", known: KnownFiles(), environment: ["SECRET": "hunter2"],
                transformers: fakes + [maker], checks: checks
            ).diagnostics.map { "\($0.message) | \($0.hint ?? "")" }
        }
        #expect(found("a", "b") == ["`{b}` in channel `x.{b}` can never be filled in: there is no `b` | did you mean `a`?"])
        for (fields, channel) in [("a", "${SECRET}"), ("${SECRET}", "b"), ("${SECRET}", "${SECRET}2")] {
            let found = found(fields, channel)
            #expect(found.count == 1 && found[0].contains("can never be filled in |"), "\(found)")
            #expect(!found[0].contains("hunter2"))
        }
        #expect(found("${SECRET}", "${SECRET}") == [])
    }

    private final class Nothing: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {}
    }

    /// A value that is one of a few words is a value all the same: `on_error` and the names of transformers were shown.
    @Test("don't show words that a secret chose") func words() throws {
        let stop = found(
            load(
                "version: 1\nroutes: [{ topic: t, transform: token, channel: c, on_error: '${SECRET}', dead_letter: d }]\n", secret: "stop")
        )
        #expect(stop == ["`dead_letter` needs `on_error: dead_letter` | add `on_error: dead_letter`, or remove `dead_letter`"])
        let old = try #require(load(minimal()).configuration)
        let text = "version: 1\nroutes:\n  - topic: a\n    transform: '${SECRET}'\n    channel: c\n"
        let new = try #require(load(text, secret: "aggregate").configuration)
        let difference = ConfigurationDifference(from: old, to: new).text
        #expect(difference.contains("transform: token → ***") && !difference.contains("aggregate"), "\(difference)")
        #expect(new.routes[0].holdsSecrets)
    }

    /// A path out of `${…}` was left out of the message about its include, and stood in the positions of all that is found in the
    /// file, in "includes itself", and in the paths of what that file includes.
    @Test("don't show the secret path of an included file") func paths() throws {
        func load(_ files: [String: String]) -> [String] {
            ConfigurationLoader.load(
                path: "/p/routes.yaml", environment: ["SECRET": "/p/hunter2"], transformers: fakes, hidesVariables: true,
                files: .memory(files.mapValues { Array($0.utf8) })
            ).diagnostics.map { "\($0.position?.file ?? "") \($0.message) \($0.hint ?? "")" }
        }
        let main = "version: 1\ninclude: '${SECRET}/a.yaml'\n"
        let route = "routes: [{ topic: t, transform: token, channel: c, tpye: x }]\n"
        let inside = load([
            "/p/routes.yaml": main, "/p/hunter2/a.yaml": "include: [b.yaml, '*.yml', gone.yaml]\n" + route,
            "/p/hunter2/b.yaml": route.replacing("t,", with: "u,"), "/p/hunter2/c.yml": route.replacing("t,", with: "v,"),
        ])
        #expect(inside.count == 4 && inside.allSatisfy { $0.hasPrefix("${…} (include ") && !$0.contains("hunter2") }, "\(inside)")
        // They are told apart.
        #expect(Set(inside.map { $0.prefix { $0 != ")" } }).count == 3)
        let cycle = load(["/p/routes.yaml": main, "/p/hunter2/a.yaml": "include: b.yaml\n", "/p/hunter2/b.yaml": "include: a.yaml\n"])
        #expect(
            cycle == [
                "${…} (include 2) `a.yaml` includes itself: ${…} (include 1) → ${…} (include 2) → ${…} (include 1) remove one of these includes"
            ])
        let itself = load(["/p/routes.yaml": main, "/p/hunter2/a.yaml": "include: '${SECRET}/a.yaml'\n"])
        #expect(itself.count == 1 && itself[0].contains("includes itself") && !itself[0].contains("hunter2"), "\(itself)")
        let twice = load([
            "/p/routes.yaml": main.replacing("'${SECRET}/a.yaml'", with: "['${SECRET}/a.yaml', '${SECRET}/a.yaml']"),
            "/p/hunter2/a.yaml": route,
        ])
        #expect(twice.count == 2 && twice.allSatisfy { !$0.contains("hunter2") }, "\(twice)")
        // One from elsewhere is named.
        let plain = load(["/p/routes.yaml": main, "/p/hunter2/a.yaml": "include: /p/d.yaml\n", "/p/d.yaml": route])
        #expect(plain.count == 1 && plain[0].hasPrefix("/p/d.yaml "), "\(plain)")
    }
}
