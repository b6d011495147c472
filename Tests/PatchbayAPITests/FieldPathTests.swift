import PatchbayAPI
import Testing

/// One notation wherever a field is named.
@Suite struct FieldPathTests {
    @Test(
        arguments: [
            ("a", [.name("a")]), ("a.b", [.name("a"), .name("b")]), (#"["log.level"]"#, [.name("log.level")]),
            ("['log.level'].x", [.name("log.level"), .name("x")]), ("items[0]", [.name("items"), .index(0)]),
            ("items[10].price", [.name("items"), .index(10), .name("price")]), ("[0][1]", [.index(0), .index(1)]),
            (#"a["b"].c"#, [.name("a"), .name("b"), .name("c")]), (#"[""]"#, [.name("")]), (#"["\"\\'"]"#, [.name(#""\'"#)]),
            (#"['\'"]']"#, [.name(#"'"]"#)]), ("@timestamp", [.name("@timestamp")]), ("a b-c/d", [.name("a b-c/d")]),
            ("e\u{301}.x", [.name("e\u{301}"), .name("x")]), (#"[" a "]"#, [.name(" a ")]), ("0", [.name("0")]),
            // A dot with an accent behind it is one character, and a dot all the same.
            ("a.\u{301}b", [.name("a"), .name("\u{301}b")]), ("a{b", [.name("a{b")]),
        ] as [(String, [FieldPath.Step])])
    func reads(text: String, steps: [FieldPath.Step]) throws {
        let path = try FieldPath(text)
        #expect(path.steps == steps && path.text == text)
        // What is written from the steps reads back as the same.
        #expect(try FieldPath(FieldPath.text(of: steps)).steps == steps)
    }

    @Test(
        arguments: [
            ("", "names no field"), (".", "names no field"), ("..a", "names no field"), (".a", "begins with a dot"),
            ("a.", "names no field"),
            ("a..b", "names no field"),
            (" a", "has spaces around ` a`"), ("a. b", "has spaces around ` b`"), ("a[", "has a `[` without its `]`"),
            ("a]", "has a `]` without its `[`"), ("a[]", "doesn't say which element"), ("a[*]", "doesn't say which element"),
            ("a[-1]", "counts from the end"), ("a[01]", "has the index `01`"), ("a[1234567890]", "has the index"),
            ("a[x]", "has no quotes around `x`"), ("a[0]b", "has no dot behind a `]`"), (#"a.["b"]"#, "has a dot before a `[`"),
            (#"["a]"#, "has a quote without its end"), (#"["a"x"#, "has no `]` behind a closing quote"), (#"["a"#, "has a quote"),
            (#"["\n"]"#, "has a `\\` that escapes nothing"), (#"["\"#, "has a `\\` that escapes nothing"),
            (String(repeating: "a.", count: 64) + "a", "has more than 64 steps"),
        ])
    func says(text: String, problem: String) {
        let error = #expect(throws: FieldPath.Invalid.self) { try FieldPath(text) }
        #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
        #expect(error?.hint.isEmpty == false)
    }

    @Test func hintsSayWhatIsRight() {
        func hint(_ text: String) -> String? { #expect(throws: FieldPath.Invalid.self) { try FieldPath(text) }?.hint }
        #expect(hint(".a.b") == "write `a.b`")
        #expect(hint(" a . b ")?.hasPrefix("write `a.b`;") == true)
        #expect(hint("a[b.c]")?.contains(#"`["b.c"]`"#) == true)
    }

    @Test func onesOfTheSameStepsAreEqual() throws {
        #expect(try FieldPath(#"a["b"]"#) == FieldPath("a.b"))
        #expect(try FieldPath("a[0]") != FieldPath(#"a["0"]"#))
        #expect(try FieldPath("\u{E9}") != FieldPath("e\u{301}"))
        #expect(FieldPath(names: ["a", "b.c", "d]"]).text == #"a["b.c"]["d]"]"#)
        #expect(try FieldPath("[0]").text(behind: "@key") == "@key[0]" && FieldPath("id").text(behind: "@key") == "@key.id")
    }
}
