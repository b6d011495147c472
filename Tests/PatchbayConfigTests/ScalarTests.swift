import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("What scalars are")
struct ScalarTests {
    @Test(
        "plain ones follow YAML 1.2",
        arguments: [
            ("", .null), ("~", .null), ("null", .null), ("Null", .text), ("true", .bool(true)), ("false", .bool(false)),
            ("True", .text), ("yes", .text), ("no", .text), ("on", .text), ("off", .text), ("y", .text),
            ("0", .integer(0)), ("-7", .integer(-7)), ("+7", .integer(7)), ("007", .integer(7)), ("0x1F", .integer(31)),
            ("0o17", .integer(15)), ("0o18", .text), ("0x", .text), ("1_000", .text), ("0b1", .text), ("12:30", .text),
            ("9223372036854775807", .integer(.max)), ("9223372036854775808", .integer(nil)), ("-", .text), ("+", .text), (".", .text),
            ("1.5", .number(1.5)), (".5", .number(0.5)), ("-.5", .number(-0.5)), ("+.5", .number(0.5)), ("5.", .number(5)),
            ("1e3", .number(1000)), ("1.e3", .number(1000)), ("1.5E-1", .number(0.15)), ("1e", .text), ("1e+", .text), ("e1", .text),
            (".inf", .number(.infinity)), ("-.inf", .number(-.infinity)), ("1.2.3", .text), ("0x1p3", .text), ("inf", .text),
            ("nan", .text), ("١", .text),
        ] as [(String, ScalarType)])
    func plain(_ text: String, _ type: ScalarType) { #expect(ScalarType(plain: text) == type) }

    @Test(
        "time spans",
        arguments: [
            ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("0s", 0), ("99999999999999999999s", nil),
            ("9223372036854775807s", nil),
        ] as [(String, Int64?)])
    func spans(_ text: String, _ milliseconds: Int64?) throws { #expect(try Quantity.milliseconds(text) == milliseconds) }

    @Test("no time spans", arguments: ["", "s", "30", "1.5s", "-1s", "1 s", "1S", "1d", "1m30s", "٣s"])
    func noSpans(_ text: String) { #expect(throws: Quantity.Problem.self) { try Quantity.milliseconds(text) } }

    @Test(
        "sizes",
        arguments: [
            ("1024", 1024), ("5B", 5), ("64KiB", 65536), ("64kib", 65536), ("1MiB", 1_048_576), ("1GiB", 1_073_741_824), ("3KB", 3000),
            ("3kB", 3000), ("2MB", 2_000_000), ("1GB", 1_000_000_000), ("9999999999GiB", nil),
        ] as [(String, Int64?)])
    func sizes(_ text: String, _ bytes: Int64?) throws { #expect(try Quantity.bytes(text) == bytes) }

    @Test("no sizes", arguments: ["", "KiB", "64K", "64 KiB", "1.5MiB", "-1", "1TiB", "x"])
    func noSizes(_ text: String) { #expect(throws: Quantity.Problem.self) { try Quantity.bytes(text) } }

    @Test("are shown in their largest whole unit")
    func shown() {
        #expect([0, 1, 1500, 2000, 60_000, 7_200_000].map(Quantity.duration) == ["0s", "1ms", "1500ms", "2s", "1m", "2h"])
        #expect(
            [0, 128, 1024, 1500, 1 << 20, 1 << 30].map(Quantity.size) == ["0 bytes", "128 bytes", "1KiB", "1500 bytes", "1MiB", "1GiB"])
    }

    @Test(
        "the nearest name is suggested, a far one is not",
        arguments: [
            ("chanel", "channel"), ("chanenl", "channel"), ("Channel", "channel"), ("max-clients", "max_clients"),
            ("maxClients", "max_clients"),
            ("prot", "port"), ("xyz", nil), ("", nil), ("p", nil), (String(repeating: "x", count: 100_000), nil),
        ] as [(String, String?)])
    func suggestions(_ given: String, _ expected: String?) {
        #expect(Suggestion.nearest(to: given, among: ["channel", "max_clients", "port"]) == expected)
    }
}
