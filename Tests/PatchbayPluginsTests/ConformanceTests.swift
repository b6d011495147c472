import Foundation
import PatchbayAPI
import TestSupport
import Testing

@testable import PatchbayPlugins

/// What `patchbay plugin test` finds.
@Suite("Checks of plugins")
struct ConformanceTests {
    private func outcomes(_ bytes: [UInt8], options: String? = nil) -> [String: PluginConformance.Outcome] {
        var outcomes: [String: PluginConformance.Outcome] = [:]
        PluginConformance(bytes, name: "x.so", options: options.map { Array($0.utf8) }, measures: false) {
            if case .ended(let name, let outcome) = $0 { outcomes[name] = outcome }
        }.run()
        return outcomes
    }

    private func description(_ more: String) -> String {
        let json =
            #"{"transformers":[{"name":"liar","summary":"x","options":[{"name":"greeting","kind":"string","default":"hello","documentation":"x"}],\#(more)}]}"#
        return "-DDESCRIPTION=\"\(json.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    @Test("A plugin that breaks the rules is told which one")
    func mistakes() async throws {
        func failure(of input: String, expects data: String = "1") async throws -> PluginConformance.Outcome? {
            let example = #""examples":[{"title":"Mine","input":"\"\#(input)\"","data":"\#(data)"}]"#
            return outcomes(try await PluginFixture.liar(description(example)))["liar: its examples come out as it says"]
        }
        #expect(try await failure(of: "late reject") == .passed)
        let silent = try await failure(of: "silent")
        guard case .failed(let reason) = silent else {
            Issue.record("\(String(describing: silent))")
            return
        }
        #expect(
            reason.hasPrefix("example \"Mine\" should come out as the data 1, and came out as rejected, code `plugin_failed` (")
                && reason.contains("gives no verdict on this record"), "\(reason)")
    }

    @Test("Options are checked as the router checks them; without any that can be used, it says so and fails")
    func options() async throws {
        let described =
            #"{"transformers":[{"name":"liar","summary":"x","options":[{"name":"limit","kind":"integer","minimum":1,"maximum":9,"required":true,"documentation":"x"},{"name":"greeting","kind":"string","documentation":"x"}]}]}"#
        let bytes = try await PluginFixture.liar("-DDESCRIPTION=\"\(described.replacing("\"", with: "\\\""))\"")
        let tried = "liar: everything that needs an instance"
        for (options, reason) in [
            (nil, "it needs `limit`: give --options '{…}', or describe an example"),
            ("{}", "--options lacks the option `limit`"),
            (
                #"{"limit":10}"#,
                "--options has a value for `limit` that the description doesn't allow: it must be a whole number from 1 to 9"
            ),
            (
                #"{"limit":"5"}"#,
                "--options has a value for `limit` that the description doesn't allow: it must be a whole number from 1 to 9"
            ),
            (#"{"limit":5,"greetin":"x"}"#, "--options has an option `greetin`, which isn't described; did you mean `greeting`?"),
            (#"{"zzz":1}"#, "--options has an option `zzz`, which isn't described; `limit`, `greeting` are"),
        ] as [(String?, String)] {
            #expect(outcomes(bytes, options: options)[tried] == .failed("not tried: \(reason)"), "\(options ?? "none")")
        }
        let right = outcomes(bytes, options: #"{"limit":5}"#)
        #expect(right[tried] == nil && right["liar: an empty batch"] == .passed, "\(right)")
        for text in ["{", "[]", "word", "", "1", #"{"a":1,"a":2}"#] {
            #expect(PluginConformance.problem(withOptions: Array(text.utf8)) != nil, "\(text)")
        }
        #expect(PluginConformance.problem(withOptions: Array("{}".utf8)) == nil)
    }

    @Test("One that can't be loaded has one failure")
    func unloadable() async throws {
        let outcomes = outcomes(try await PluginFixture.liar("-DABI=7"))
        #expect(outcomes.count == 1)
        #expect(outcomes.values.first?.isFailure == true)
    }

    @Test("Reading a byte too far, and writing, end the process there")
    func guarded() throws {
        let bytes: [UInt8] = [1, 2, 3]
        let memory = try #require(bytes.withUnsafeBytes { GuardedMemory($0) })
        #expect(Array(memory.bytes) == bytes)
        let end = UInt(bitPattern: memory.bytes.baseAddress) + 3
        #expect(end.isMultiple(of: UInt(getpagesize())))
        let maps = PluginFixture.mappings()
        func access(at address: UInt) -> String? {
            for line in maps {
                let parts = line.split(separator: " ")
                let range = parts[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
                if range[0] <= address, address < range[1] { return String(parts[1]) }
            }
            return nil
        }
        withExtendedLifetime(memory) {}
        #expect(access(at: end - 1)?.hasPrefix("r--") == true && access(at: end)?.hasPrefix("---") == true)
    }
}

extension PluginConformance.Outcome {
    fileprivate var isFailure: Bool { if case .failed = self { true } else { false } }
}
