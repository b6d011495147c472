import Glibc
import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Hostile input")
struct HostileInputTests {
    private static let deep = "values are nested more than 64 levels deep"

    @Test("deep nesting is cut off", arguments: ["[", "{a: ", "- ", "? ", "[{a: ", "&a ["])
    func nesting(_ opening: String) {
        let found = findings(String(repeating: opening, count: 100_000))
        #expect(found.map(\.message) == [Self.deep])
    }

    @Test("64 levels are read, 65 are not, through aliases too")
    func depth() {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        #expect(!findings("a: " + nested(63)).map(\.message).contains(Self.deep))
        #expect(
            findings("a: " + nested(64)) == [Finding(1, 67, Self.deep, "no setting needs that; check the brackets and the indentation")])
        let long = "a: &a " + nested(40) + "\nb: &b " + String(repeating: "[", count: 20) + "*a" + String(repeating: "]", count: 20)
        #expect(!findings(long).map(\.message).contains(Self.deep))
        #expect(findings(long + "\nc: [[[[*b]]]]").map(\.message) == [Self.deep])
    }

    @Test("an alias bomb is refused where it goes off")
    func bomb() {
        var text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        for (name, inner) in zip("bcdefghijklmnop", "abcdefghijklmno") {
            text += "\(name): &\(name) [" + Array(repeating: "*\(inner)", count: 10).joined(separator: ",") + "]\n"
        }
        let found = findings(text)
        #expect(found.map(\.message) == ["with its aliases written out, the file holds more than 250000 values"])
        #expect(found.map(\.line) == [6])
    }

    @Test("a bomb of long texts is refused")
    func longTexts() {
        let text =
            "a: &a \(String(repeating: "x", count: 1_000_000))\nb: [" + Array(repeating: "*a", count: 40).joined(separator: ",") + "]\n"
        #expect(findings(text).map(\.message) == ["with its aliases written out, the file is larger than 32MiB"])
    }

    @Test("too many values are refused")
    func manyValues() {
        #expect(
            findings("a: [" + String(repeating: "b,", count: 300_000) + "]").map(\.message) == ["the file holds more than 250000 values"])
    }

    @Test(
        "a cycle is refused, whatever it goes through",
        arguments: [
            "&r { version: *r }", "routes: &r [*r]", "routes: &r [[{a: *r}]]", "? &r [*r]\n: b", "a: &r { *r : b }",
        ])
    func cycles(_ text: String) {
        #expect(findings(text).map(\.message).contains("alias `*r` is inside the value it refers to"))
    }

    @Test("a file of 10 MB is refused before it is read")
    func large() throws {
        let file = try TemporaryPath.make(Array(repeating: 0x23, count: 10_000_000))
        let result = ConfigurationLoader.load(path: file.path, environment: [:], transformers: fakes)
        #expect(
            result.diagnostics.map(Finding.init) == [
                Finding(
                    0, 0, "can't read `\(file.path)`: it is larger than 8MiB",
                    "a configuration is text written by people; check that this is the right file")
            ])
        #expect(findings(String(repeating: "#", count: 8 << 20 | 1)).map(\.message) == ["can't read `routes.yaml`: it is larger than 8MiB"])
        #expect(findings(String(repeating: "#", count: 8 << 20)).map(\.message) == ["the file is empty"])
    }

    @Test("paths that are no readable file are explained")
    func paths() throws {
        func message(_ path: String) -> [Finding] {
            ConfigurationLoader.load(path: path, environment: [:], transformers: fakes).diagnostics.map(Finding.init)
        }
        let directory = try TemporaryPath.makeDirectory()
        #expect(
            message("/nowhere/routes.yaml") == [
                Finding(0, 0, "can't read `/nowhere/routes.yaml`: no such file", "check the path and the directory you are in")
            ])
        #expect(message("") == [Finding(0, 0, "can't read ``: no such file", "check the path and the directory you are in")])
        #expect(
            message(directory.path) == [
                Finding(
                    0, 0, "can't read `\(directory.path)`: it is a directory, not a file", "give the path of a file such as `routes.yaml`")
            ])
        #expect(
            message("/dev/zero") == [
                Finding(0, 0, "can't read `/dev/zero`: it is neither a file nor a pipe", "give the path of a file such as `routes.yaml`")
            ])
        // Root may read everything; everybody else must be told.
        if geteuid() != 0 {
            let file = try TemporaryPath.make([0x61], mode: 0)
            #expect(message(file.path).map(\.message) == ["can't read `\(file.path)`: permission denied"])
        }
    }

    @Test("a pipe that nobody writes to is an empty file, not a hang")
    func pipe() throws {
        let directory = try TemporaryPath.makeDirectory()
        let path = directory.path + "/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let result = ConfigurationLoader.load(path: path, environment: [:], transformers: fakes)
        #expect(result.diagnostics.map(\.message) == ["the file is empty"])
    }

    @Test("very many mistakes are counted beyond the first thousand")
    func manyMistakes() {
        let found = load(minimal((0..<5000).map { "key\($0): 1\n" }.joined())).diagnostics
        #expect(found.count == 1001)
        #expect(found.last?.message == "4000 more findings are not shown")
        #expect(found.dropLast().allSatisfy { $0.sourceLine != nil })
    }

    @Test("long names and texts are shortened where they are shown")
    func longNames() {
        let long = String(repeating: "k", count: 1000)
        for text in ["\(long): 1\n", "server: { port: \(long) }\n", "? \(long)\(long)\n: 1\n"] {
            let found = findings(minimal(text))
            #expect(found.count == 1)
            #expect(found.allSatisfy { $0.message.count < 200 && ($0.hint?.count ?? 0) < 200 })
        }
    }
}
