import Foundation
import PatchbayAPI
import TestSupport
import Testing

@testable import PatchbayPlugins

/// What `patchbay plugin test` finds.
@Suite("Checks of plugins")
struct ConformanceTests {
    private func outcomes(_ bytes: [UInt8]) -> [String: PluginConformance.Outcome] {
        var outcomes: [String: PluginConformance.Outcome] = [:]
        PluginConformance(bytes, name: "x.so", options: nil, measures: false) {
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
            reason.contains("example \"Mine\" should come out as data(\"1\")") && reason.contains("gives no verdict on this record"),
            "\(reason)")
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
