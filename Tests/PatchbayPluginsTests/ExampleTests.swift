import Foundation
import PatchbayAPI
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins

/// The plugins under `Plugins/Examples`, built by their own Makefiles.
@Suite("Example plugins")
struct ExamplePluginTests {
    private static let examples = PluginFixture.root.appendingPathComponent("Plugins/Examples")

    /// The plugin of a folder, built in a copy of it.
    private func build(_ folder: String, _ file: String) async throws -> [UInt8] {
        let copy = try PluginFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.examples.appendingPathComponent(folder).path)
        where ![".so", ".wasm", ".o"].contains(where: name.hasSuffix) && name != "target" {
            try FileManager.default.copyItem(
                at: Self.examples.appendingPathComponent("\(folder)/\(name)"), to: copy.url.appendingPathComponent(name))
        }
        let header = folder.contains("swift") ? PluginFixture.header.appendingPathComponent("patchbay_plugin.h") : PluginFixture.header
        let support = PluginFixture.root.appendingPathComponent("Sources/CPatchbayPlugin/wasm")
        let result = try await ExternalProgram.run(["make", file, "HEADER=\(header.path)", "SUPPORT=\(support.path)"], in: copy.url)
        try #require(result.status == 0, "\(result.said)")
        return Array(try Data(contentsOf: copy.url.appendingPathComponent(file)))
    }

    /// What the checks of a plugin find wrong.
    private func failures(_ bytes: [UInt8], _ name: String, options: String? = nil) -> [PluginConformance.Event] {
        var events: [PluginConformance.Event] = []
        PluginConformance(bytes, name: name, options: options.map { Array($0.utf8) }, measures: false) { events.append($0) }.run()
        #expect(events.count > 50)
        return events.filter {
            switch $0 {
            case .ended(_, .failed), .ended(_, .skipped): true
            default: false
            }
        }
    }

    @Test("mask hides what it is told to, in C")
    func mask() async throws {
        let bytes = try await build("mask-c", "mask.so")
        let mask = try #require(try PluginLoader.load(bytes, name: "mask.so").definitions.first)
        #expect(failures(bytes, "mask.so") == [])
        func masked(_ text: String, keep: Int64 = 0) throws -> RecordOutcome {
            try mask.outcome(of: text, options: ["fields": .strings("pin", "é"), "keep": .integer(keep)])
        }
        #expect(try masked(#" { "pin" : [1,{"pin":2}], "a":1.50, "pin":"x" } "#) == .data(#" { "pin" : "****", "a":1.50, "pin":"****" } "#))
        #expect(try masked(#"{"é":true,"\u00e9":1,"e\u0301":1}"#) == .data(#"{"é":"****","\u00e9":"****","e\u0301":1}"#))
        #expect(try masked(#"{"pin":"abc\ud83d\ude80"}"#, keep: 1) == .data(#"{"pin":"****\ud83d\ude80"}"#))
        #expect(try masked(#"{"pin":"abc🚀"}"#, keep: 1) == .data(#"{"pin":"****🚀"}"#))
        #expect(try masked(#"{"other":123456789012345678901234567890}"#) == .data(#"{"other":123456789012345678901234567890}"#))
        #expect(try masked("{\"pin\":1,}").rejection?.code == "invalid_json")
        #expect(throws: OptionError.self) { try mask.make(["fields": .list([.string(String(repeating: "x", count: 300))])]) }
    }

    @Test("mask is the same as WebAssembly", .enabled(if: WebAssembly.isThere, "skipped: no wasmtime; `make setup` fetches it"))
    func maskModule() async throws {
        let bytes = try await build("mask-c", "mask.wasm")
        let mask = try #require(try PluginLoader.load(bytes, name: "mask.wasm").definitions.first)
        #expect(failures(bytes, "mask.wasm") == [])
        let options: [String: ConfigValue] = ["fields": .strings("pin", "é")]
        #expect(
            try mask.outcome(of: #" { "pin" : [1,{"pin":2}], "a":1.50, "pin":"x" } "#, options: options)
                == .data(#" { "pin" : "****", "a":1.50, "pin":"****" } "#))
        #expect(try mask.outcome(of: #"{"\u00e9":1}"#, options: options) == .data(#"{"\u00e9":"****"}"#))
        #expect(throws: OptionError.self) { try mask.make(["fields": .list([.string(String(repeating: "x", count: 300))])]) }
    }

    @Test(
        "deadband leaves out what has hardly changed, in Embedded Swift",
        .enabled(if: WebAssembly.isThere, "skipped: no wasmtime; `make setup` fetches it"))
    func deadband() async throws {
        let bytes = try await build("deadband-swift-wasm", "deadband.wasm")
        let deadband = try #require(try PluginLoader.load(bytes, name: "deadband.wasm").definitions.first)
        #expect(failures(bytes, "deadband.wasm") == [])
        let transformer = try deadband.make(["field": .string("price"), "key": .string("s"), "percent": .number(1)])
        let sink = CollectingSink()
        let records = [
            #"{"s":"a","price":100}"#, #"{"s":"b","price":"1e2"}"#, #"{"s":"a","price":100.5}"#, #"{"\u0073":"\u0061","price":101.25}"#,
            #"{"s":"a","price":100.75,"more":[{"price":7}]}"#, #"{"s":"a","price":-100.75}"#, #"{"price":1}"#, #"{"s":"b"}"#, "[]",
            #"{"price":"#,
        ]
        OwnedBatch(records.map { Array($0.utf8) }).run(transformer, into: sink)
        let shown = sink.outcomes.map { outcome in
            switch outcome.outcome {
            case .data: "passes"
            case .filtered: "filtered"
            case .rejected(let rejection): rejection.code
            }
        }
        #expect(
            shown == [
                "passes", "passes", "filtered", "passes", "filtered", "passes", "passes", "not_a_number", "not_an_object", "invalid_json",
            ])
    }

    @Test("lookup adds what a table knows, in Swift")
    func lookup() async throws {
        let bytes = try await build("lookup-swift", "lookup.so")
        let lookup = try #require(try PluginLoader.load(bytes, name: "lookup.so").definitions.first)
        let table = Self.examples.appendingPathComponent("lookup-swift/customers.csv").path
        #expect(
            failures(bytes, "lookup.so", options: #"{"table":"\#(table)","field":"customer"}"#).map { "\($0)" }.filter {
                !$0.contains("describes none")
            } == [])
        func found(_ text: String, missing: String = "pass") throws -> RecordOutcome {
            try lookup.outcome(of: text, options: ["table": .string(table), "field": .string("customer"), "missing": .string(missing)])
        }
        #expect(try found(#"{"customer":7}"#) == .data(#"{"customer":7,"name":"Ada \"Countess\" Lovelace","city":"London"}"#))
        #expect(
            try found(#"{ "a":[{}], "customer":"\u0038" }"#)
                == .data(#"{ "a":[{}], "customer":"\u0038" ,"name":"Turing, Alan","city":"Wilmslow"}"#))
        #expect(try found(#"{"customer":9}"#) == .data(#"{"customer":9}"#) && found(#"{"customer":9}"#, missing: "filter") == .filtered)
        #expect(try found(#"{"customer":9}"#, missing: "reject").rejection?.code == "not_in_table")
        #expect(
            try found(#"{"customer":7,"city":1}"#).rejection
                == Rejection(
                    code: "duplicate_field", field: "city", explanation: "the record has a field of a column already"))
        #expect(try found("[]").rejection?.code == "not_an_object" && found(#"{"customer":7"#).rejection?.code == "invalid_json")
        #expect(
            throws: OptionError(option: nil, message: "the plugin refuses these options: can't read /nowhere: No such file or directory")
        ) {
            try lookup.make(["table": .string("/nowhere"), "field": .string("a")])
        }
    }

    @Test("fingerprint tells repeats, in Rust", .enabled(if: ExecutableSearch.finds("rustc"), "skipped: no rustc"))
    func fingerprint() async throws {
        let bytes = try await build("fingerprint-rust", "fingerprint.so")
        let fingerprint = try #require(try PluginLoader.load(bytes, name: "fingerprint.so").definitions.first)
        #expect(failures(bytes, "fingerprint.so") == [])
        #expect(try fingerprint.outcome(of: #"{"a":1}"#) == fingerprint.outcome(of: #"{"a":1}"#))
        #expect(try fingerprint.outcome(of: #"{"a":1}"#) != fingerprint.outcome(of: #"{"a":2}"#))
        #expect(throws: OptionError.self) { try fingerprint.make(["field": .string("no \" name")]) }
    }
}

/// Programs of this machine.
enum ExecutableSearch {
    static func finds(_ name: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
        }
    }
}
