import PatchbayAPI
import PatchbayConfig
import PatchbaySettings
import Testing

@Suite("Interpolation")
struct InterpolationTests {
    private func group(_ scalar: String, _ environment: [String: String] = [:]) -> String? {
        load(minimal("kafka:\n  group: \(scalar)\n"), environment).configuration?.kafka.group
    }

    @Test(
        "names are replaced in every style of scalar",
        arguments: [
            ("${A}", "x"), ("'${A}'", "x"), ("\"${A}\"", "x"), ("|-\n    ${A}", "x"), ("a-${A}-${B:-b}", "a-x-b"), ("${A:-b}", "x"),
            ("${EMPTY:-b}", "b"), ("x${EMPTY}", "x"), ("${NONE:-}x", "x"), ("${B:-a:-b}", "a:-b"), ("$${A}", "${A}"), ("$$$${A}", "$${A}"),
            ("a$b", "a$b"), ("^a$", "^a$"), ("$", "$"), ("$$", "$"), ("${NUMBER}", "42"), ("${_a1:-5}", "5"),
        ])
    func replaced(_ scalar: String, _ value: String) {
        #expect(group(scalar, ["A": "x", "EMPTY": "", "NUMBER": "42"]) == value)
    }

    @Test("what was replaced is typed by what is wanted")
    func typed() throws {
        let text = minimal(
            """
            server: { port: "${P}", ping_interval: "${I:-2s}", allowed_origins: "${O}" }
            kafka: { brokers: "${BROKERS}", properties: { a: "${P}" } }

            """)
        let environment = ["P": "81", "BROKERS": "a:1,b:2", "O": "https://a, https://b"]
        let configuration = try #require(load(text, environment).configuration)
        #expect(configuration.server.port == 81)
        #expect(configuration.server.pingInterval == .seconds(2))
        #expect(configuration.server.allowedOrigins == ["https://a", "https://b"])
        #expect(configuration.kafka.brokers == ["a:1", "b:2"])
        #expect(configuration.kafka.properties.map(\.value) == ["81"])
    }

    @Test("an environment that replaces nothing leaves the type alone")
    func escapeOnly() {
        #expect(
            findings(minimal("kafka: { properties: { a: '$$' }, group: 5 }\n")).map(\.message) == [
                "`group` must be text, found the number 5"
            ])
    }

    @Test(
        "mistakes are found at the scalar",
        arguments: [
            Case(
                "unset", minimal("kafka: { group: \"${NOPE}\" }\n"), [:],
                Finding(2, 17, "the environment variable `NOPE` is not set", "set it, or give a default: `${NOPE:-default}`")),
            Case(
                "two unset in one", minimal("kafka:\n  group: ${NOPE}${NO}\n"), [:],
                Finding(3, 10, "the environment variable `NOPE` is not set", "set it, or give a default: `${NOPE:-default}`"),
                Finding(3, 10, "the environment variable `NO` is not set", "set it, or give a default: `${NO:-default}`")),
            Case(
                "never closed", minimal("kafka:\n  group: a${NOPE\n"), [:],
                Finding(3, 10, "`${` is never closed", "add the `}`, or write `$${` for the text `${`")),
            Case(
                "no name", minimal("kafka:\n  group: ${}\n"), [:],
                Finding(
                    3, 10, "`${}` is not understood",
                    "write `${NAME}`, `${NAME:-default}` or `${file:/path}`; `$${` stands for the text `${`")),
            Case(
                "other shell forms", minimal("kafka:\n  group: ${A-b}\n"), ["A": "x"],
                Finding(
                    3, 10, "`${A-b}` is not understood",
                    "write `${NAME}`, `${NAME:-default}` or `${file:/path}`; `$${` stands for the text `${`")),
            Case(
                "name that starts with a digit", minimal("kafka:\n  group: ${1A}\n"), ["1A": "x"],
                Finding(
                    3, 10, "`${1A}` is not understood",
                    "write `${NAME}`, `${NAME:-default}` or `${file:/path}`; `$${` stands for the text `${`")),
            Case(
                "default inside a default", minimal("kafka:\n  group: ${A:-${B}}\n"), [:],
                Finding(3, 10, "the default of `${A:-…}` holds another `${`", "use a plain text as default")),
            Case(
                "wrong after replacement", minimal("server:\n  port: ${P}\n"), ["P": "x"],
                Finding(3, 9, "`port` must be a whole number, found the text `x` (from `${P}`)", "for example `port: 8080`")),
            Case(
                "wrong item after replacement", minimal("kafka:\n  brokers: ${BR}\n"), ["BR": "a:1,b"],
                Finding(3, 12, "`brokers` must be `host:port`, found `b`", "add the port: `b:9092`")),
            Case(
                "relative file", minimal("kafka:\n  group: ${file:a}\n"), [:],
                Finding(3, 10, "`${file:a}` needs an absolute path", "write `${file:/run/secrets/name}`")),
            Case(
                "missing file", minimal("kafka:\n  group: ${file:/nowhere/at/all}\n"), [:],
                Finding(
                    3, 10, "`${file:/nowhere/at/all}` can't be read: no such file",
                    "check that the file exists and that this user may read it")),
            Case(
                "directory", minimal("kafka:\n  group: ${file:/}\n"), [:],
                Finding(
                    3, 10, "`${file:/}` can't be read: it is a directory, not a file",
                    "check that the file exists and that this user may read it")),
            Case(
                "device", minimal("kafka:\n  group: ${file:/dev/zero}\n"), [:],
                Finding(
                    3, 10, "`${file:/dev/zero}` can't be read: it is neither a file nor a pipe",
                    "check that the file exists and that this user may read it")),
        ])
    func mistakes(_ row: Case) { row.check() }

    @Test(
        "a file's text comes without one line break at its end",
        arguments: [
            ("x", "x"), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("a\nb\n", "a\nb"),
        ])
    func files(_ contents: String, _ value: String) throws {
        let file = try TemporaryPath.make(Array(contents.utf8))
        #expect(group("${file:\(file.path)}") == value)
    }

    @Test("a file that is no text, or far too long, is refused")
    func badFiles() throws {
        let binary = try TemporaryPath.make([0xFF, 0x41])
        let zero = try TemporaryPath.make([0x41, 0x00])
        let long = try TemporaryPath.make(Array(repeating: 0x41, count: 1024 * 1024 + 1))
        for (path, reason) in [
            (binary.path, "holds bytes that are not UTF-8 text"), (zero.path, "holds bytes that are not UTF-8 text"),
            (long.path, "can't be read: it is larger than 1MiB"),
        ] {
            #expect(findings(minimal("kafka:\n  group: ${file:\(path)}\n")).map(\.message) == ["`${file:\(path)}` \(reason)"])
        }
    }

    @Test("many references to a long value end at a budget")
    func budget() throws {
        let text = minimal("kafka:\n  group: \(String(repeating: "${A}", count: 1000))\n")
        let found = findings(text, ["A": String(repeating: "x", count: 100_000)])
        #expect(found.map(\.message) == ["all `${…}` together expand to more than 32MiB"])
    }

    @Test("works in every scalar of a route, and every file is remembered, missing ones too")
    func everywhere() throws {
        let text = """
            version: 1
            include: ${INC}
            kafka: { clusters: { x: { brokers: "${B}", group: "${file:/g}" } } }
            routes:
              - name: ${N}
                topics: ${T}
                cluster: ${C}
                enabled: ${E:-true}
                transform: [ "${TR}", { pick: "${P}" }, { filter: "${file:/w}" } ]
                type: ${N}-type
                channels: [ "${N}.{x}", $$ ]
                max_channels: ${M}
                on_error: ${O}
                dead_letter: ${N}.dead
                tests:
                  - { name: "${N}", topic: "${C}", key: "${file:/g}", headers: { h: "${N}" }, input: ["${N}"], error: "${O}" }

            """
        let environment = [
            "INC": "i.yaml", "B": "b:1", "N": "n", "T": "x,^y", "C": "x", "TR": "token", "P": "a,b", "M": "7", "O": "dead_letter",
        ]
        let files: FileAccess = .memory(["/g": Array("group\n".utf8), "/w": Array(".a".utf8), "i.yaml": Array("routes: []\n".utf8)])
        func load(_ text: String) -> LoadResult {
            ConfigurationLoader.load(
                bytes: Array(text.utf8), file: "routes.yaml", environment: environment, transformers: fakes, files: files)
        }
        let result = load(text)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        let route = configuration.routes[0]
        #expect(configuration.clusters[1].group == "group")
        #expect(route.name == "n" && route.topics.map(\.text) == ["x", "^y"] && route.cluster == "x" && route.type == "n-type")
        #expect(route.steps.map(\.transformer) == ["token", "pick", "filter"])
        #expect(route.steps[1].options.strings("fields") == ["a", "b"] && route.steps[2].options.string("where") == ".a")
        #expect(route.channels.map(\.text) == ["n.{x}", "$"] && route.maxChannels == 7 && route.onError == .deadLetter(topic: "n.dead"))
        let test = route.tests[0]
        #expect(test.name == "n" && test.topic == "x" && test.key == "group" && test.input == "[\"n\"]")
        #expect(Set(result.files) == ["i.yaml", "/g", "/w"])

        let missing = load(text.replacing("${file:/w}", with: "${file:/gone}"))
        #expect(missing.configuration == nil)
        #expect(Set(missing.files) == ["i.yaml", "/g", "/gone"])
    }

    @Test("files are read once and bounded in number")
    func files() {
        let items = (0...1000).map { "\"${file:/f\($0)}\"" }.joined(separator: ", ")
        let result = ConfigurationLoader.load(
            bytes: Array(minimal("server: { allowed_origins: [\(items)] }\n").utf8), file: "f", environment: [:], transformers: fakes,
            files: .memory(Dictionary(uniqueKeysWithValues: (0...1000).map { ("/f\($0)", Array("null".utf8)) })))
        #expect(result.diagnostics.map(\.message) == ["all `${file:…}` together name more than 1000 files"])
        #expect(result.files.count == 1000)
    }
}
