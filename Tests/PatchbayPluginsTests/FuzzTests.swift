import PatchbayAPI
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins

/// The host's side takes anything.
@Suite("Damaged plugins")
struct FuzzTests {
    @Test("give a description or a problem, and what is accepted can be used", arguments: 0..<4)
    func descriptions(_ seed: Int) {
        var random = SeededGenerator(state: UInt64(seed))
        var accepted = 0
        for round in 0..<2_000 {
            var bytes = Array(DescriptionTests.full.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) { Self.mutate(&bytes, &random) }
            if let problem = FuzzTarget.description(bytes) { Issue.record("seed \(seed), round \(round): \(problem)") }
            if (try? DescriptionReader.read(bytes)) != nil { accepted += 1 }
        }
        // Damage that always or never matters would test nothing.
        #expect((1..<1_900).contains(accepted), "\(accepted)")
    }

    @Test("give each record an outcome, whatever they say of it", arguments: 0..<4)
    func verdicts(_ seed: Int) {
        var random = SeededGenerator(state: UInt64(seed))
        for round in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            if let problem = FuzzTarget.verdicts(bytes) { Issue.record("seed \(seed), round \(round): \(problem)") }
        }
    }

    @Test("write what they want from a process of their own", arguments: 0..<4)
    func outputs(_ seed: Int) {
        var random = SeededGenerator(state: UInt64(seed))
        var accepted = 0
        for round in 0..<2_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let text = [UInt8](repeating: 0x20, count: 8 * Int.random(in: 0...3, using: &random))
                let numbers = [
                    UInt32.random(in: 0...7, using: &random), UInt32.random(in: 0...3, using: &random), 0, 0, UInt32(text.count), 0,
                ]
                bytes += numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } } + text
            }
            if Bool.random(using: &random) { Self.mutate(&bytes, &random) }
            if let problem = FuzzTarget.output(bytes) { Issue.record("seed \(seed), round \(round): \(problem)") }
            var output = HelperOutput()
            if bytes.withUnsafeBytes({ output.take($0) }) { accepted += 1 }
        }
        #expect((200..<2_000).contains(accepted), "\(accepted)")
    }

    @Test("are no library, whatever they hold", arguments: 0..<4)
    func images(_ seed: Int) async throws {
        let original = try await PluginFixture.liar()
        var random = SeededGenerator(state: UInt64(seed))
        #expect(LibraryImage.problem(original) == nil)
        for _ in 0..<500 {
            var bytes = Array(original.prefix(Int.random(in: 0...original.count, using: &random)))
            if bytes.count < original.count { #expect(LibraryImage.problem(bytes) != nil) }
            for _ in 0..<4 where !bytes.isEmpty {
                bytes[Int.random(in: 0..<min(bytes.count, 512), using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = LibraryImage.problem(bytes)
        }
    }

    /// Changes, takes out, doubles or cuts a few bytes.
    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        let end = min(bytes.count, place + Int.random(in: 1...20, using: &random))
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(place..<end)
        case 2: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
        case 3: bytes[place] = Array("0123456789[]{},:\"".utf8).randomElement(using: &random) ?? 0
        default: bytes.replaceSubrange(place..<end, with: Array("null".utf8))
        }
    }
}
