import Foundation
import TestSupport
import Testing

/// The design's promises about who may know whom, read from the package itself.
@Suite struct PackageLayoutTests {
    private struct Manifest: Decodable {
        struct Target: Decodable {
            var name: String
            var path: String?
            var dependencies: [Dependency]
        }
        struct Dependency: Decodable {
            var name: String

            init(from decoder: any Decoder) throws {
                // {"byName": [name, …]} or {"product": [name, package, …]}
                let container = try decoder.container(keyedBy: Key.self)
                var list = try container.nestedUnkeyedContainer(forKey: container.allKeys[0])
                name = try list.decode(String.self)
            }

            struct Key: CodingKey {
                var stringValue: String
                var intValue: Int? { nil }
                init?(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }
        }
        var targets: [Target]
    }

    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func targets() async throws -> [String: Set<String>] {
        // A scratch folder of its own: `swift test` holds the lock of the usual one while this runs.
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let result = try await ExternalProgram.run([
            "swift", "package", "--package-path", Self.root.path, "--scratch-path", scratch.path, "dump-package",
        ])
        try #require(result.status == 0, "\(result.said)")
        let manifest = try JSONDecoder().decode(Manifest.self, from: Data(result.output.utf8))
        return Dictionary(
            uniqueKeysWithValues: manifest.targets.map { ($0.name, Set($0.dependencies.map(\.name))) })
    }

    @Test func layersKnowOnlyWhatTheyMay() async throws {
        let targets = try await targets()
        #expect(targets["PatchbayAPI"] == [])
        #expect(targets["PatchbayJSON"] == ["CSimdJSON", "PatchbayAPI"])
        #expect(targets["PatchbayCore"] == ["PatchbayAPI", "NIOCore", "DequeModule"])
        #expect(targets["PatchbaySettings"] == [])
        #expect(targets["PatchbayConfig"] == ["CLibYAML", "PatchbayAPI", "PatchbaySettings"])
        #expect(targets["PatchbayReference"] == ["PatchbayAPI", "PatchbayConfig", "PatchbayJSON"])
        #expect(targets["PatchbayKafka"] == ["CLibRDKafka", "PatchbayAPI", "Logging"])
        for plugin in ["TokenTransformer", "TradeTransformer", "AggregateTransformer", "GenericTransformers"] {
            #expect(
                targets[plugin]?.isSubset(of: ["PatchbayAPI", "PatchbayJSON", "CSimdJSON", "CJQBounds", "CLibJQ"]) == true, "\(plugin)")
        }
        #expect(targets["PatchbayPlugins"] == ["CPatchbayPlugin", "PatchbayAPI", "PatchbayJSON", "Logging"])
        let delivery = try #require(targets["PatchbayDelivery"])
        #expect(
            delivery.isDisjoint(with: [
                "PatchbayHTTP", "PatchbayKafka", "CLibRDKafka", "PatchbayConfig", "PatchbayReference", "CDocsAssets", "Hummingbird",
            ]))
        let http = try #require(targets["PatchbayHTTP"])
        #expect(http.isDisjoint(with: ["PatchbayKafka", "CLibRDKafka", "PatchbayConfig", "PatchbayReference"]))
        // What is assembled can be tested and used without a command line.
        let runtime = try #require(targets["PatchbayRuntime"])
        #expect(runtime.isDisjoint(with: ["ArgumentParser", "patchbay"]))
    }

    /// The optimised build stopped compiling once, which no test builds: there the C library's `struct stat` is ambiguous in a target that
    /// imports SwiftNIO, whose own C module declares it too.
    @Test func structStatIsUsedOnlyWhereSwiftNIOIsNotImported() async throws {
        let targets = try await targets()
        let sources = Self.root.appendingPathComponent("Sources")
        var found: Set<String> = []
        for case let file as URL in try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        where file.pathExtension == "swift" && !file.path.contains("/vendor/") {
            guard try String(contentsOf: file, encoding: .utf8).contains(/[ =]stat\(/) else { continue }
            found.insert(String(file.path.dropFirst(sources.path.count + 1).prefix { $0 != "/" }))
        }
        #expect(found.contains("PatchbayConfig"), "or this test looks at nothing")
        for target in found {
            let needs = try #require(targets[target], "\(target)")
            #expect(needs.isDisjoint(with: ["NIOCore", "NIOPosix", "NIOHTTP1", "Hummingbird", "AsyncHTTPClient"]), "\(target)")
        }
    }

    /// The program parses arguments, calls the runtime and prints.
    @Test func theProgramIsCommandsOnly() throws {
        let folder = Self.root.appendingPathComponent("Sources/patchbay").path
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["Commands", "Patchbay.swift"])
    }

    /// Anyone who wants to know what becomes of a record reads these files, and no others.
    @Test func thePathOfARecordIsShort() throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("docs/architecture.md"), encoding: .utf8)
        let start = try #require(page.range(of: "## The path of a record"))
        let section = page[start.upperBound...].prefix { $0 != "#" }
        let files = section.matches(of: /`(Patchbay[A-Za-z]+\/[A-Za-z\/]+\.swift)`/).map { String($0.output.1) }
        #expect((8...12).contains(files.count), "\(files)")
        for file in files {
            #expect(FileManager.default.fileExists(atPath: Self.root.appendingPathComponent("Sources/\(file)").path), "\(file)")
        }
    }

    /// "A new topic needs only config": no topic and no field of a payload may be named outside plugins, demo and docs.
    @Test func theCoreNamesNoTopicAndNoField() throws {
        let words = [
            "token-info", "trade-info", "aggregate-info", "token_info", "trade_data", "aggregate_data", "SellBuy",
            "TxHash", "PriceUsd", "TotalSupply", "MetaInfo", "time_window",
        ]
        for folder in ["PatchbayAPI", "PatchbayCore", "PatchbayDelivery", "PatchbayHTTP", "PatchbayKafka"] {
            let sources = Self.root.appendingPathComponent("Sources/\(folder)")
            let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
            var count = 0
            for case let file as URL in files where file.pathExtension == "swift" {
                count += 1
                let text = try String(contentsOf: file, encoding: .utf8)
                for word in words where text.contains(word) {
                    Issue.record("\(file.lastPathComponent) names \(word)")
                }
            }
            #expect(count > 0)
        }
    }

    /// "A setting has one struct, one spelling, one default": its property, its declaration and its uses. What messages for
    /// people say about it doesn't count.
    @Test(arguments: [
        ("max_message", "maxMessage"), ("max_frame", "maxFrame"), ("read_buffer", "readBuffer"), ("write_buffer", "writeBuffer"),
        ("send_buffer", "sendBuffer"), ("idle_timeout", "idleTimeout"), ("http_idle_timeout", "httpIdleTimeout"),
        ("drain_delay", "drainDelay"), ("reconnect_earliest", "reconnectEarliest"), ("trusted_proxies", "trustedProxies"),
        ("max_headers", "maxHeaders"), ("requests_per_second", "requestsPerSecond"), ("request_burst", "requestBurst"),
        ("control_frame_burst", "controlFrameBurst"), ("awaited_channels_per_connection", "awaitedChannelsPerConnection"),
        ("allowed_hosts", "allowedHosts"), ("watch", "watchesFiles"), ("for", "lagFor"), ("ends_below", "endsBelow"),
        ("partial_assignment", "watchesAssignment"), ("dead_letter_timeout", "deadLetterTimeout"),
    ])
    func aSettingIsNamedInFourFilesAtMost(_ field: String, _ property: String) throws {
        let naming = try Self.words.get().filter { $0.words.contains("\"\(field)\"") || $0.words.contains(property) }.map(\.file)
        #expect((2...4).contains(naming.count), "\(field): \(naming.sorted())")
    }

    /// The words of each source file: names, and texts of one word with their quotes.
    private static let words = Result {
        let sources = root.appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var result: [(file: String, words: Set<String>)] = []
        for case let file as URL in files where file.pathExtension == "swift" {
            let parts = try Data(contentsOf: file).split { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "\""): false
                default: true
                }
            }
            result.append((file.lastPathComponent, Set(parts.map { String(decoding: $0, as: UTF8.self) })))
        }
        return result
    }
}
