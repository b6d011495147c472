import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Findings about text that isn't YAML")
struct SyntaxFindingTests {
    @Test(
        "each is explained at its place",
        arguments: [
            Case(
                "tab as indentation", "version: 1\nserver:\n\tport: 1\n", [:],
                Finding(3, 1, "a tab can't be used here", "indent with spaces")),
            Case(
                "tab before a value in a list", "a:\n  -\t- b\n  \t- c\n", [:],
                Finding(2, 4, "a tab can't be used here", "indent with spaces")),
            Case(
                "reserved character", "version: @x\n", [:],
                Finding(1, 10, "a value can't start with `@`", "put the value in quotes")),
            Case(
                "bad indentation of a key", "server:\n  port: 1\n host: x\n", [:],
                Finding(
                    3, 2, "a key was expected here",
                    "check the indentation: all keys of the mapping that starts on line 1 begin in the same column")),
            Case(
                "bad indentation of an item", "a:\n  - b\n  c: d\n", [:],
                Finding(
                    3, 3, "a list item (`- `) was expected here",
                    "check the indentation: all items of the list that starts on line 2 begin in the same column")),
            Case(
                "key without colon", "version: 1\nserver\nkafka: {}\n", [:],
                Finding(
                    3, 1, "there is no `:` after this key",
                    "write `key: value`; a line that continues a text must be indented deeper than its key")),
            Case(
                "colon in a value", "description: now: then\n", [:],
                Finding(1, 17, "a `:` can't be used here", "check the indentation; put a value that contains `: ` in quotes")),
            Case(
                "item on the line of its key", "routes: - a\n", [:],
                Finding(1, 9, "a list item (`- `) can't be used here", "start the list on a line of its own below its key")),
            Case(
                "open list", "a: [b, c\nd: e\n", [:],
                Finding(
                    2, 2, "the list that starts with `[` on line 1 isn't closed or lacks a comma",
                    "separate items by `,` and close the list with `]`")),
            Case(
                "open mapping", "a: { b: c\n", [:],
                Finding(
                    2, 1, "the mapping that starts with `{` on line 1 isn't closed or lacks a comma",
                    "separate entries by `,` and close the mapping with `}`")),
            Case(
                "interpolation in a flow list", "a: [${B}]\n", [:],
                Finding(
                    1, 6, "the list that starts with `[` on line 1 isn't closed or lacks a comma",
                    "inside `[ ]`, put a value with `${…}` in quotes")),
            Case(
                "open quotes", "version: 1\nserver:\n  host: \"x\n  port: 1\n", [:],
                Finding(3, 9, "the quoted text that starts on line 3 is never closed", "add the closing quote")),
            Case(
                "unknown escape", "a: \"\\d\"\n", [:],
                Finding(1, 5, "this escape isn't known in double-quoted text", "write `\\\\` for a backslash, or use single quotes")),
            Case(
                "star for anything", "allowed_origins: *\n", [:],
                Finding(1, 19, "`*` starts an alias, and its name is missing", "put a value that starts with `*` or `&` in quotes")),
            Case(
                "two documents", "version: 1\n---\nversion: 1\n", [:],
                Finding(
                    2, 1, "a second document starts here; a configuration is one document",
                    "remove the `---`, or move what follows to a file of its own")),
            Case(
                "text after the end", "[a]\nb\n", [:],
                Finding(2, 1, "more text follows after the end of the document", "check the indentation of this line")),
            Case(
                "unknown alias", minimal("server: { host: *hots, port: &host 1 }\n"), [:],
                Finding(2, 17, "alias `*hots` refers to nothing", "define it above as `&hots`, or put text that starts with `*` in quotes")),
            Case(
                "misspelt alias", minimal("defaults: { buffer: &many 7 }\nchannels: { c: { buffer: *mayn } }\n"), [:],
                Finding(3, 26, "alias `*mayn` refers to nothing", "did you mean `*many`?")),
            Case(
                "cycle", minimal("server: &s { host: *s }\n"), [:],
                Finding(2, 20, "alias `*s` is inside the value it refers to", "a value can't contain itself; write out what is meant")),
            Case(
                "foreign tag", minimal("server: { host: !env HOST }\n"), [:],
                Finding(2, 17, "tag `!env` is not supported", "remove it, or put text that starts with `!` in quotes")),
            Case(
                "list as a key", minimal("? [a]\n: b\n"), [:],
                Finding(2, 3, "a key must be text, found a list or mapping", "put text with `[` or `{` in quotes")),
            Case(
                "empty key", minimal("? \n: b\n"), [:],
                Finding(2, 2, "a key is empty", "write the key's name before the `:`")),
            Case(
                "NUL by escape", minimal("server: { host: \"a\\0b\" }\n"), [:],
                Finding(2, 17, "the text contains a NUL character (`\\0`)", "remove it")),
            Case("empty", "", [:], Finding(1, 1, "the file is empty", "start with `version: 1` and at least one route")),
            Case(
                "only comments", "# nothing\n\n", [:],
                Finding(1, 1, "the file is empty", "start with `version: 1` and at least one route")),
            Case(
                "only a document start", "---\n", [:],
                Finding(1, 1, "the file is empty", "start with `version: 1` and at least one route")),
            Case(
                "a list", "- version\n", [:],
                Finding(1, 1, "the file must be a mapping (`key: value`), found a list", "start with `version: 1`")),
            Case(
                "a text", "version 1\n", [:],
                Finding(1, 1, "the file must be a mapping (`key: value`), found text", "start with `version: 1`")),
        ])
    func syntax(_ row: Case) {
        let unseen = "more may be found once this is fixed"
        let found = load(row.text).diagnostics.map(Finding.init)
        guard let cut = found.first(where: { $0.hint?.hasSuffix(unseen) == true }) else { return row.check() }
        let hint = cut.hint.map { String($0.dropLast(unseen.count + 2)) }
        #expect([Finding(cut.line, cut.column, cut.message, hint)] == row.findings)
        // What else is found stands in front of it.
        #expect(
            found.allSatisfy { ($0.line, $0.column) <= (cut.line, max(cut.column, 1)) || $0.message.hasPrefix("unknown key") }, "\(found)")
    }

    /// One key that was indented wrongly hid every other mistake of the file; they came to light one run after the other. What
    /// stands in front of it is checked, without what it may have cut off, and the finding says that there may be more.
    @Test("what stands in front of a syntax error is checked as well")
    func inFrontOfASyntaxError() {
        let text = """
            version: 1
            server: { prot: 1, max_clients: many }
            channels:
              c: { bufer: 5 }
            routes:
              - { topic: a, transform: token, chanel: c }
              - { topic: b, transform: token, channel: c }
              - topic: c
                transform: token
               channel: d
              - { topic: d }

            """
        let found = load(text, ["PORT": "abc"]).diagnostics
        #expect(
            found.map { "\($0.position?.line ?? 0) \($0.message)" } == [
                "0 PORT=abc: must be a whole number between 1 and 65535, or 0 (any free port)", "2 unknown key `prot`",
                "2 `max_clients` must be a whole number, found the text `many`", "4 unknown key `bufer`", "6 unknown key `chanel`",
                "10 a list item (`- `) was expected here",
            ])
        #expect(found.last?.hint?.hasSuffix("; more may be found once this is fixed") == true)
    }

    /// Nothing is said to be missing or wrong that the mistake itself cut off.
    @Test(
        "what a syntax error cuts off is not complained about",
        arguments: [
            "server:\n  port: 1\n host: x\nversion: 1\n", "routes:\n  - topic: a\n    transform: token\n   channel: c\n",
            "version: 1\nroutes:\n  - topic: a\n  channel: c\n", "version: 1\nroutes: [{ topic: a\n", "version: 1\nroutes: [\n",
            "version: 1\nkafka:\n  clusters:\n    a: { brokers: [\"x:1\" }\n", "version: 1\nserver:\n  host: \"x\n  port: 1\n",
            "version: 1\nalerts:\n  topics:\n    t: { lag: 5\n", "version: 1\nserver:\n  port: 8\n   0: x\n",
            "version: 1\nroutes:\n\t- a\n",
            "version: 1\n---\nroutes: []\n",
        ])
    func cutOff(_ text: String) {
        let found = load(text).diagnostics
        #expect(found.count == 1 && found[0].hint?.hasSuffix("more may be found once this is fixed") == true, "\(found)")
    }

    @Test(
        "columns count characters, lines every kind of line break",
        arguments: [
            ("plain", "server: { 'x': 1 }\n", 2, 11),
            ("two-byte", "kafka: { group: é, x: 1 }\n", 2, 20),
            ("emoji", "kafka: { group: 👩‍🚀, x: 1 }\n", 2, 22),
            ("combining", "kafka: { group: e\u{301}, x: 1 }\n", 2, 21),
            ("CRLF", "server:\r\n  host: h\r\n  x: 1\r\n", 4, 3),
            ("CR", "server:\r  host: h\r  x: 1\r", 4, 3),
            ("next line, line and paragraph separator", "server:\u{85}  host: h\u{2028}  port: 1\u{2029}  x: 1\n", 5, 3),
        ])
    func positions(_ name: String, _ text: String, _ line: Int, _ column: Int) {
        let found = load(minimal(text)).diagnostics
        #expect(found.map(\.position?.line) == [line])
        #expect(found.map(\.position?.column) == [column])
        #expect(found.first?.message == "unknown key `x`")
        #expect(found.first?.sourceLine?.contains("x") == true)
    }

    @Test("a byte order mark and Windows line ends change nothing")
    func windows() {
        let text = minimal("server: { prt: 1 }\n").replacing("\n", with: "\r\n")
        let found = load("\u{FEFF}" + text).diagnostics
        #expect(found.map(Finding.init) == [Finding(2, 11, "unknown key `prt`", "did you mean `port`?")])
        #expect(found.first?.sourceLine == "server: { prt: 1 }")
        #expect(load("\u{FEFF}" + minimal().replacing("\n", with: "\r\n")).configuration != nil)
    }
}
