import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayReference
import Testing

@Suite("Configuration in effect")
struct EffectiveConfigurationTests {
    private static func setting(_ path: String, _ value: ConfigValue?, _ origin: ValueOrigin = .defaultValue) -> ResolvedSetting {
        ResolvedSetting(path: path, value: value, origin: origin)
    }

    private static func at(_ line: Int) -> ValueOrigin { .file(SourcePosition(file: "routes.yaml", line: line, column: 5)) }

    private static let settings = [
        setting("version", .integer(1), at(1)),
        setting("server.host", .string("0.0.0.0")),
        setting("server.port", .integer(9000), .environment("PORT")),
        setting("server.ping_interval", .integer(30_000)),
        setting("server.read_buffer", .integer(1500), at(4)),
        setting("server.write_buffer", .integer(65536), at(5)),
        setting("kafka.brokers", .list([.string("a:1"), .string("b:2")]), at(6)),
        setting("kafka.properties.security.protocol", .string("sasl_ssl"), at(7)),
        setting("kafka.properties.sasl.password", nil, at(8)),
        setting("kafka.clusters.audit.brokers", .list([.string("c:3")]), at(9)),
        setting("kafka.clusters.audit.properties.ssl.group", .string("x"), at(10)),
        setting("channels.trades.{Token}.buffer", .integer(50), at(11)),
        setting("channels.a.buffer.description", .string("Say \"hi\": #1"), at(12)),
        setting("routes[0].name", .string("yes"), at(13)),
        setting("routes[0].transform", .string("token"), at(14)),
        setting("routes[0].transform.token.naming", .string("as_is")),
        setting("routes[0].channel_idle", .integer(600_000)),
        setting("routes[1].topics", .list([.string("^metrics\\..*")]), at(15)),
        setting("routes[1].transform[0]", .string("json"), at(16)),
        setting("routes[1].transform[1]", .string("rename"), at(17)),
        setting("routes[1].transform[1].rename.names.user.id", .string("user_id"), at(18)),
        setting("routes[1].transform[2]", .string("mask"), at(19)),
        setting("routes[1].transform[2].mask.every", .integer(1500)),
    ]

    @Test("has the shape of the file, with the origin behind each value")
    func yaml() {
        #expect(
            EffectiveConfiguration.yaml(Self.settings, transformers: SampleTransformers.all) == """
                version: 1                       # routes.yaml:1:5
                server:
                  host: 0.0.0.0                  # default
                  port: 9000                     # PORT
                  ping_interval: 30s             # default
                  read_buffer: 1500              # routes.yaml:4:5
                  write_buffer: 64KiB            # routes.yaml:5:5
                kafka:
                  brokers: [a:1, b:2]            # routes.yaml:6:5
                  properties:
                    security.protocol: sasl_ssl  # routes.yaml:7:5
                    sasl.password: "***"         # routes.yaml:8:5
                  clusters:
                    audit:
                      brokers: [c:3]             # routes.yaml:9:5
                      properties:
                        ssl.group: x             # routes.yaml:10:5
                channels:
                  "trades.{Token}":
                    buffer: 50                   # routes.yaml:11:5
                  a.buffer:
                    description: 'Say "hi": #1'  # routes.yaml:12:5
                routes:
                  - name: "yes"                  # routes.yaml:13:5
                    transform:                   # routes.yaml:14:5
                      token:
                        naming: as_is            # default
                    channel_idle: 10m            # default
                  - topics: ['^metrics\\..*']     # routes.yaml:15:5
                    transform:
                      - json                     # routes.yaml:16:5
                      - rename:                  # routes.yaml:17:5
                          names:
                            user.id: user_id     # routes.yaml:18:5
                      - mask:                    # routes.yaml:19:5
                          every: 1500ms          # default

                """)
    }

    @Test("is YAML with the right values")
    func parsed() throws {
        let text = EffectiveConfiguration.yaml(Self.settings, transformers: SampleTransformers.all)
        #expect(
            try Python.json(yaml: text)
                == #"""
                {"channels":{"a.buffer":{"description":"Say \"hi\": #1"},"trades.{Token}":{"buffer":50}},
                "kafka":{"brokers":["a:1","b:2"],"clusters":{"audit":{"brokers":["c:3"],"properties":{"ssl.group":"x"}}},
                "properties":{"sasl.password":"***","security.protocol":"sasl_ssl"}},
                "routes":[{"channel_idle":"10m","name":"yes","transform":{"token":{"naming":"as_is"}}},
                {"topics":["^metrics\\..*"],"transform":["json",{"rename":{"names":{"user.id":"user_id"}}},{"mask":{"every":"1500ms"}}]}],
                "server":{"host":"0.0.0.0","ping_interval":"30s","port":9000,"read_buffer":1500,"write_buffer":"64KiB"},"version":1}
                """#.replacing("\n", with: ""))
    }

    @Test("texts of every kind come back as they were")
    func texts() throws {
        let texts = [
            "", " a", "a ", "a: b", "a #b", "#", "- a", "*", "&a", "!", "%", "@", "`", "yes", "No", "~", "null", "1", "1.5", "0x1F", "1e5",
            "1_000", "12:30", "2024-01-01", "10s", "1.2.3.4", "[a]", "{a}", "a,b", "it's", "a\"b'c", "\\", "a\nb", "\t", "\u{7}", "\u{85}",
            "\u{2028}", "\u{202E}", "\u{FEFF}", "\u{FFFE}", "é", "日本", "😀", "=", "<<", "a:", "host:80", "?", "? a", "---", "...", ".inf",
        ]
        let settings =
            texts.enumerated().map {
                Self.setting("kafka.properties.p\($0)", .list([.string($1)]))
            }
            + texts.enumerated().map { Self.setting("channels.k\($0)\($1).description", .string($1)) }
        let json = try Python.json(yaml: EffectiveConfiguration.yaml(settings))
        let tree = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        let properties = (tree?["kafka"] as? [String: Any])?["properties"] as? [String: [String]]
        let channels = tree?["channels"] as? [String: [String: String]]
        for (index, text) in texts.enumerated() {
            #expect(properties?["p\(index)"] == [text])
            #expect(channels?["k\(index)\(text)"]?["description"] == text)
        }
    }

    @Test("other values come back as they were")
    func values() throws {
        let value: ConfigValue = .map([
            "a": .number(1e20), "b": .number(0.5), "c": .null, "d": .bool(false), "e": .list([]), "f": .map([:]), "g": .integer(-7),
        ])
        let text = EffectiveConfiguration.yaml([Self.setting("routes[0].tests[0].input", value)])
        #expect(
            try Python.json(yaml: text)
                == #"{"routes":[{"tests":[{"input":{"a":1e+20,"b":0.5,"c":null,"d":false,"e":[],"f":{},"g":-7}}]}]}"#)
    }

    @Test("paths that nobody declared are taken by their dots")
    func undeclared() throws {
        let text = EffectiveConfiguration.yaml([
            Self.setting("x.y[1].z", .integer(1)), Self.setting("routes[0].transform.other.a.b", .bool(true)),
            Self.setting("routes.topic", .string("lone")),
        ])
        #expect(try Python.json(yaml: text).contains(#""x":{"y":[{"z":1}]}"#))
    }

    @Test("as JSON, one setting per line")
    func json() throws {
        let text = EffectiveConfiguration.json(
            [Self.settings[2], Self.settings[3], Self.settings[8]], transformers: SampleTransformers.all)
        #expect(
            text == """
                [
                  {"path": "server.port", "value": 9000, "origin": {"kind": "environment", "variable": "PORT"}},
                  {"path": "server.ping_interval", "value": "30s", "origin": {"kind": "default"}},
                  {"path": "kafka.properties.sasl.password", "value": "***", "origin": {"kind": "file", "file": "routes.yaml", "line": 8, "column": 5}, "secret": true}
                ]

                """)
        #expect(EffectiveConfiguration.json([]) == "[]\n")
        #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [[String: Any]])
    }

    @Test("what the loader says of the documented example")
    func documented() throws {
        let loaded = ConfigurationLoader.load(
            text: try Repository.documentedExample(), file: "routes.yaml", environment: ["PORT": "9000"],
            transformers: SampleTransformers.all)
        #expect(loaded.diagnostics == [])
        let text = EffectiveConfiguration.yaml(loaded.origins, transformers: SampleTransformers.all)
        let tree = try #require(
            try JSONSerialization.jsonObject(with: Data(try Python.json(yaml: text).utf8)) as? [String: Any])
        #expect((tree["server"] as? [String: Any])?["port"] as? Int == 9000)
        #expect(((tree["channels"] as? [String: Any])?["trades.{Token}"] as? [String: Any])?["buffer"] as? Int == 50)
        let properties = (tree["kafka"] as? [String: Any])?["properties"] as? [String: String]
        #expect(properties == ["security.protocol": "plaintext"])
        let routes = try #require(tree["routes"] as? [[String: Any]])
        #expect(routes.count == 4)
        let chain = try #require(routes[2]["transform"] as? [[String: [String: Any]]])
        #expect(chain.first?["filter"]?["where"] as? String == #".level == "error""#)
        #expect(text.split(separator: "\n").contains { $0.hasSuffix("# PORT") && $0.contains("port: 9000") })
    }
}
