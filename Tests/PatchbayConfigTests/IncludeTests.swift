import Glibc
import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Several files")
struct IncludeTests {
    /// A file with one route of this topic.
    private static func file(_ topic: String, _ more: String = "") -> String {
        "\(more)routes: [{ topic: \(topic), transform: token, channel: c }]\n"
    }

    private func load(_ files: [String: String], _ path: String = "routes.yaml", limits: YAMLLimits = YAMLLimits()) -> LoadResult {
        ConfigurationLoader.load(
            path: path, environment: ["DIR": "conf.d"], transformers: fakes, files: .memory(files.mapValues { Array($0.utf8) }),
            limits: limits)
    }

    /// `file:line:column message`, and the hint after it.
    private func found(_ result: LoadResult) -> [String] {
        result.diagnostics.map { finding in
            let place = finding.position.map { "\($0.file):\($0.line):\($0.column) " } ?? ""
            return "\(place)\(finding.message)\(finding.hint.map { " | \($0)" } ?? "")"
        }
    }

    @Test("are one configuration: routes in the order of the files, channels of all of them")
    func together() throws {
        let result = load(
            [
                "/etc/p/routes.yaml": Self.file(
                    "main", "version: 1\ninclude: ['${DIR}/*.yaml', ../more.yaml]\nchannels: { c: { buffer: 3 } }\n"),
                "/etc/p/conf.d/b.yaml": Self.file("b", "channels: { d: { buffer: 4 } }\n").replacing("channel: c", with: "channel: d"),
                "/etc/p/conf.d/a.yaml": Self.file("[a, a2]", "version: 1\ninclude: sub/x.yaml\n"),
                "/etc/p/conf.d/sub/x.yaml": Self.file("x"), "/etc/p/conf.d/.hidden.yaml": "nonsense",
                "/etc/p/conf.d/readme.txt": "nonsense", "/etc/p/../more.yaml": Self.file("more"),
            ], "/etc/p/routes.yaml")
        #expect(found(result) == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.routes.map(\.name) == ["main", "a, a2", "x", "b", "more"])
        #expect(
            configuration.routes.map(\.position.file) == [
                "/etc/p/routes.yaml", "/etc/p/conf.d/a.yaml", "/etc/p/conf.d/sub/x.yaml", "/etc/p/conf.d/b.yaml", "/etc/p/../more.yaml",
            ])
        #expect(configuration.channels.map(\.buffer) == [3, 4])
        #expect(
            result.files == [
                "/etc/p/routes.yaml", "/etc/p/conf.d", "/etc/p/conf.d/a.yaml", "/etc/p/conf.d/sub/x.yaml", "/etc/p/conf.d/b.yaml",
                "/etc/p/../more.yaml",
            ])
        let paths = result.origins.map(\.path)
        for index in 0..<5 { #expect(paths.contains("routes[\(index)].transform")) }
        #expect(result.origins.first { $0.path == "routes[3].topic" }?.value == .list([.string("b")]))
        #expect(Set(paths).count == paths.count)
    }

    @Test("may be read from files alone")
    func onlyIncluded() {
        #expect(load(["routes.yaml": "version: 1\ninclude: a.yaml\n", "a.yaml": Self.file("a")]).configuration?.routes.count == 1)
        // A lone route needs no list around it, in one file or in several.
        let lone = "routes: { topic: b, transform: { aggregate: { windows: 5min } }, channel: c }\n"
        let result = load([
            "routes.yaml": Self.file("m", "version: 1\ninclude: [a.yaml, b.yaml]\n"), "a.yaml": lone, "b.yaml": Self.file("z"),
        ])
        #expect(result.configuration?.routes.map(\.name) == ["m", "b", "z"])
        #expect(result.origins.contains { $0.path == "routes[1].transform.aggregate.windows" })
        #expect(result.origins.contains { $0.path == "routes[2].transform" })
    }

    @Test("names are unique across them, and both places are named")
    func unique() {
        let result = load([
            "routes.yaml": Self.file("m", "version: 1\ninclude: [a.yaml, b.yaml]\nchannels: { c: }\n"),
            "a.yaml": Self.file("m", "channels: { c: }\n"),
            "b.yaml": "routes:\n" + "  - { topic: q, name: m, transform: token, channel: c, enabled: false }\n",
        ])
        #expect(
            found(result) == [
                "a.yaml:1:13 channel `c` is set twice: first at routes.yaml:3 | remove one of them",
                "a.yaml:2:19 route `m` is defined twice: first at routes.yaml:4 | a route is named after its topic unless it has a `name`; give one of them a `name`",
                "b.yaml:2:23 route `m` is defined twice: first at routes.yaml:4 | give each route a name of its own",
            ])
    }

    @Test("may hold routes and channels only")
    func keys() {
        let result = load([
            "routes.yaml": Self.file("m", "version: 1\ninclude: a.yaml\n"),
            "a.yaml": "version: 2\nkafka: { group: x }\ndefaults: {}\nroute: []\nchannels: { d: { bufer: 1 } }\n",
        ])
        #expect(
            found(result) == [
                "a.yaml:1:10 `version` must be 1, found the number 2 | for example `version: 1`",
                "a.yaml:2:1 `kafka` can't be set here | an included file holds `routes` and `channels`; move `kafka` to `routes.yaml`",
                "a.yaml:3:1 `defaults` can't be set here | an included file holds `routes` and `channels`; move `defaults` to `routes.yaml`",
                "a.yaml:4:1 unknown key `route` | did you mean `routes`?",
                "a.yaml:5:18 unknown key `bufer` | did you mean `buffer`?",
            ])
        #expect(result.diagnostics.map(\.sourceLine)[1] == "kafka: { group: x }")
    }

    @Test("what is wrong in several is said of each, the main file first")
    func severalFindings() {
        let result = load(
            [
                "z.yaml": Self.file("a b", "version: 1\ninclude: [gone.yaml, a.yaml, b.yaml]\n"), "a.yaml": "routes: [{}]\n",
                "b.yaml": "\tx: 1\n",
            ], "z.yaml")
        #expect(
            result.diagnostics.map { "\($0.position?.file ?? ""):\($0.position?.line ?? 0):\($0.position?.column ?? 0)" } == [
                "z.yaml:2:11", "z.yaml:3:19", "a.yaml:1:10", "a.yaml:1:10", "a.yaml:1:10", "b.yaml:1:1",
            ])
        #expect(found(result).first == "z.yaml:2:11 can't read `gone.yaml`: no such file | paths are relative to the file that includes")
        // It must be noticed when it comes.
        #expect(result.files == ["z.yaml", "gone.yaml", "a.yaml", "b.yaml"])
    }

    @Test("that include themselves are refused with the way around")
    func cycles() {
        func cycle(_ files: [String: String]) -> [String] { found(load(files)) }
        #expect(
            cycle(["routes.yaml": Self.file("m", "version: 1\ninclude: routes.yaml\n")]) == [
                "routes.yaml:2:10 `routes.yaml` includes itself: routes.yaml → routes.yaml | remove one of these includes"
            ])
        #expect(
            cycle([
                "routes.yaml": Self.file("m", "version: 1\ninclude: a.yaml\n"), "a.yaml": "include: b.yaml\n",
                "b.yaml": "include: a.yaml\n",
            ]) == ["b.yaml:1:10 `a.yaml` includes itself: a.yaml → b.yaml → a.yaml | remove one of these includes"])
    }

    @Test("a cycle through links is seen too")
    func links() throws {
        let directory = try TemporaryPath.makeDirectory()
        let main = directory.path + "/routes.yaml"
        let link = directory.path + "/link.yaml"
        try write(Self.file("m", "version: 1\ninclude: link.yaml\n"), to: main)
        try #require(symlink(main, link) == 0)
        defer { for path in [main, link] { unlink(path) } }
        let result = ConfigurationLoader.load(path: main, environment: [:], transformers: fakes)
        #expect(result.diagnostics.map(\.message) == ["`link.yaml` includes itself: \(main) → \(link)"])
    }

    @Test("come in once: a path twice is a mistake, a pattern takes what is new")
    func twice() throws {
        let files = [
            "a.yaml": Self.file("a"), "b.yaml": Self.file("b"), "routes.yaml": Self.file("m", "version: 1\ninclude: [a.yaml, a.yaml]\n"),
        ]
        #expect(found(load(files)) == ["routes.yaml:2:19 `a.yaml` is included twice: first at routes.yaml:2 | remove one of them"])
        var patterns = files
        patterns["routes.yaml"] = Self.file("m", "version: 1\ninclude: [b.yaml, '*.yaml', '[ab].yaml']\n")
        #expect(try #require(load(patterns).configuration).routes.map(\.name) == ["m", "b", "a"])
    }

    @Test("a pattern without a match is pointed out, and its directory watched")
    func noMatch() {
        let result = load(["routes.yaml": Self.file("m", "version: 1\ninclude: ['conf.d/*.yaml', '[.yaml', 'a/**/b.yaml']\n")])
        #expect(
            found(result) == [
                "routes.yaml:2:11 no file matches `conf.d/*.yaml` | paths are relative to the file that includes",
                "routes.yaml:2:28 no file matches `[.yaml` | paths are relative to the file that includes",
                "routes.yaml:2:38 `**` is not supported in a path | list the directories: `[a/*.yaml, b/*.yaml]`",
            ])
        #expect(result.diagnostics.map(\.severity) == [.warning, .warning, .error])
        #expect(result.files == ["routes.yaml", "conf.d", "."])
    }

    @Test("an empty one is pointed out")
    func empty() {
        let result = load([
            "routes.yaml": Self.file("m", "version: 1\ninclude: [a.yaml, b.yaml]\n"), "a.yaml": "", "b.yaml": "# nothing yet\n",
        ])
        #expect(
            found(result) == [
                "a.yaml:1:1 the file is empty | add routes, or leave the file out",
                "b.yaml:1:1 the file is empty | add routes, or leave the file out",
            ])
        #expect(result.configuration != nil)
    }

    @Test("are bounded in number, depth, bytes and values")
    func bounds() {
        var many = ["routes.yaml": Self.file("m", "version: 1\ninclude: ['d/*']\n")]
        for index in 0..<1001 { many["d/\(index)"] = "channels: {}\n" }
        #expect(load(many).diagnostics.map(\.message) == ["more than 1000 files are included"])
        many["d/1000"] = nil
        #expect(load(many).diagnostics == [])

        var deep = [
            "routes.yaml": Self.file(
                "m", "version: 1\ninclude: 1\n".replacing(": 1\n", with: ": '1'\n").replacing("version: '1'", with: "version: 1"))
        ]
        for level in 1...16 { deep["\(level)"] = "include: '\(level + 1)'\n" }
        deep["17"] = "channels: {}\n"
        #expect(load(deep).diagnostics.map(\.message) == ["files include each other more than 16 levels deep"])
        deep["16"] = "channels: {}\n"
        #expect(load(deep).diagnostics == [])

        let pair = ["routes.yaml": Self.file("m", "version: 1\ninclude: [a, b]\n"), "a": Self.file("a"), "b": Self.file("b")]
        var limits = YAMLLimits()
        limits.includedBytes = 100
        #expect(load(pair, limits: limits).diagnostics.map(\.message) == ["all included files together are larger than 100 bytes"])
        limits = YAMLLimits()
        limits.includedValues = 10
        #expect(load(pair, limits: limits).diagnostics.map(\.message) == ["all included files together hold more than 10 values"])
        limits = YAMLLimits()
        limits.bytes = 70
        let large = [
            "routes.yaml": Self.file("m", "version: 1\ninclude: a\n"), "a": Self.file("a", String(repeating: "#", count: 80) + "\n"),
        ]
        #expect(load(large, limits: limits).diagnostics.map(\.message) == ["can't read `routes.yaml`: it is larger than 70 bytes"])
        limits.bytes = 100
        #expect(load(large, limits: limits).diagnostics.map(\.message) == ["can't read `a`: it is larger than 100 bytes"])
    }

    @Test(
        "hostile ones get a clear finding each",
        arguments: [
            ("a: &a [*a]\n", "alias `*a` is inside the value it refers to"),
            ("routes: []\nroutes: []\n", "key `routes` is given twice: first at line 1, column 1"),
            ("routes:\n\t- x\n", "a tab can't be used here"), ("\u{0}", "the character U+0000 is not allowed in a YAML file"),
            (String(repeating: "[", count: 1000), "values are nested more than 64 levels deep"),
            ("- a\n", "the file must be a mapping (`key: value`), found a list"),
            ("x\n", "the file must be a mapping (`key: value`), found text"),
            ("a: [" + String(repeating: "b,", count: 260_000) + "]\n", "the file holds more than 250000 values"),
        ])
    func hostile(_ text: String, _ message: String) {
        let result = load(["routes.yaml": Self.file("m", "version: 1\ninclude: a.yaml\n"), "a.yaml": text])
        #expect(result.configuration == nil)
        #expect(result.diagnostics.map(\.message).contains(message))
        #expect(result.diagnostics.allSatisfy { $0.position?.file == "a.yaml" })
    }

    @Test("bytes that are no text, directories and special files get one too")
    func unreadable() throws {
        let directory = try TemporaryPath.makeDirectory()
        let main = directory.path + "/routes.yaml"
        let latin = try TemporaryPath.make([0x61, 0x3A, 0x20, 0xE9])
        try write(Self.file("m", "version: 1\ninclude: ['.', /dev/zero, \(latin.path), '\(directory.path)/*']\n"), to: main)
        defer { unlink(main) }
        let result = ConfigurationLoader.load(path: main, environment: [:], transformers: fakes)
        #expect(
            result.diagnostics.filter { $0.severity == .error }.map(\.message) == [
                "can't read `.`: it is a directory, not a file", "can't read `/dev/zero`: it is neither a file nor a pipe",
                "the file is not UTF-8",
            ])
    }

    @Test(
        "are told from those of other names",
        arguments: [
            ("*.yaml", "a.yaml", true), ("*.yaml", ".yaml", false), ("*.yaml", ".a.yaml", false), (".*", ".a", true), ("?.y", "é.y", true),
            ("?", "ab", false), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[!a-c]x", "dx", true), ("[]]", "]", true),
            ("[a", "[a", true),
            ("*a*b*c", "xxaxxbxxc", true), ("*a*b*c", "xxaxxbxx", false), ("a**b", "ab", true), ("", "", true), ("[-a]", "-", true),
            (String(repeating: "*a", count: 50) + "b", String(repeating: "a", count: 200), false),
        ])
    func names(_ pattern: String, _ name: String, _ matches: Bool) {
        #expect(NamePattern(pattern).matches(name) == matches)
    }
}
