import Glibc
import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("The fuzzer's corpus")
struct CorpusTests {
    private static let directory: String = {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        return tests + "/Fuzz/config"
    }()

    private func inputs() throws -> [(name: String, bytes: [UInt8])] {
        let names = try #require(FileAccess.system.names(Self.directory, 10_000)).sorted()
        return try names.map { ($0, try FileAccess.system.read("\(Self.directory)/\($0)", 1 << 20)) }
    }

    @Test("is handled as everything must be")
    func replay() throws {
        let inputs = try inputs()
        #expect(inputs.count > 20)
        for input in inputs { #expect(FuzzTarget.check(input.bytes) == nil, "\(input.name)") }
    }

    @Test("holds the shipped file and the documented one, which are right", arguments: ["shipped.yaml", "documented.yaml"])
    func documented(_ name: String) throws {
        let text = try FileAccess.system.read("\(Self.directory)/\(name)", 1 << 20)
        let result = ConfigurationLoader.load(bytes: text, file: name, environment: [:], transformers: FuzzTransformers.all)
        #expect(result.diagnostics == [])
        #expect(result.configuration != nil)
    }

    @Test("has right files and wrong ones, of one file and of several")
    func variety() throws {
        let inputs = try inputs()
        let right = inputs.filter { input in
            ConfigurationLoader.load(
                path: FuzzTarget.main, environment: [:], transformers: FuzzTransformers.all,
                files: .memory(FuzzTarget.files(of: input.bytes))
            ).configuration != nil
        }
        #expect(right.count > 3 && right.count < inputs.count)
        #expect(inputs.contains { FuzzTarget.files(of: $0.bytes).count > 1 })
        #expect(inputs.count < 200)
        #expect(inputs.reduce(0) { $0 + $1.bytes.count } < 500_000)
    }

    @Test("is checked by something that can fail")
    func canFail() {
        #expect(
            FuzzTarget.files(of: Array("a\n%%% b\nc\nd\n%%% e".utf8)).mapValues { String(decoding: $0, as: UTF8.self) } == [
                "routes.yaml": "a", "b": "c\nd", "e": "",
            ])
    }
}
