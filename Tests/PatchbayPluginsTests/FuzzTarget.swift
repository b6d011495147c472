import CPatchbayPlugin
import PatchbayAPI
import PatchbayJSON
import TransformerTestSupport

@testable import PatchbayPlugins

/// What fuzzers run: says what is wrong with how the host's side took an input; `nil` when nothing is.
enum FuzzTarget {
    /// An input of the fuzzer (Tests/Fuzz): its first byte says what the others are.
    static func check(_ input: [UInt8]) -> String? {
        guard let first = input.first else { return nil }
        let rest = Array(input.dropFirst())
        switch first {
        case UInt8(ascii: "d"): return description(rest)
        case UInt8(ascii: "v"): return verdicts(rest)
        case UInt8(ascii: "o"): return output(rest)
        case UInt8(ascii: "i"): return LibraryImage.problem(rest)?.problem.isEmpty == true ? "a problem without words" : nil
        default: return nil
        }
    }

    /// Any bytes as a description.
    static func description(_ bytes: [UInt8]) -> String? {
        do throws(DescriptionProblem) {
            let description = try DescriptionReader.read(bytes)
            if description.transformers.isEmpty { return "no transformers" }
            let names = description.transformers.map(\.name)
            if Set(names).count != names.count { return "two of one name" }
            for transformer in description.transformers {
                let options = OptionValues(defaultsOf: transformer.options)
                if JSONTree(validating: String(decoding: PluginDefinitions.json(options), as: UTF8.self)) == nil {
                    return "options that are no JSON"
                }
                for option in transformer.options where option.isRequired && option.defaultValue != nil { return "\(option.name) is both" }
            }
            return nil
        } catch {
            return error.problem.isEmpty ? "a problem without words" : nil
        }
    }

    /// Any bytes as what a helper wrote.
    static func output(_ bytes: [UInt8]) -> String? {
        var output = HelperOutput()
        guard bytes.withUnsafeBytes({ output.take($0) }) else { return nil }
        var (all, finished, size) = (0, 0, 0)
        output.entries.forEach { entry in
            all += 1
            size += 24 + entry.code.count + entry.field.count + entry.text.count
            // A sanitizer sees what lies outside.
            _ = entry.code.reduce(0, ^) ^ entry.field.reduce(0, ^) ^ entry.text.reduce(0, ^)
        }
        output.entries.forEach(droppingUnfinished: true) { _ in finished += 1 }
        if size > bytes.count { return "\(size) of \(bytes.count) bytes" }
        return finished > all ? "\(finished) of \(all) entries" : nil
    }

    private static let texts =
        ["", "{}", "[1,2]", "{", "\"\\ud83d\"", "1e999", "null null", "é", "a_code", "Ä"].map { Array($0.utf8) } + [[0xFF], [0xE2, 0x82]]
    private static let values = ["{}", "[", "1"].map { Array($0.utf8) as [UInt8]? } + [nil, []]

    /// Bytes as what a plugin says during calls about five records: one for the verdict, one for the record, two for texts.
    static func verdicts(_ bytes: [UInt8]) -> String? {
        let sink = CollectingSink()
        let batch = OwnedBatch(values)
        let script = Script(bytes: bytes, texts: texts)
        let transformer = PluginTransformer(script, name: "x", number: 0, options: [], wantsHeaders: true, tickInterval: nil)
        batch.run(transformer, into: sink)
        let judged = Set(sink.outcomes.map(\.recordOffset))
        if judged != Set(values.indices.map { Int64($0) }) { return "records without an outcome: \(judged)" }
        var parser = JSONParser(limits: .records)
        for (offset, outcome) in sink.outcomes {
            switch outcome {
            case .data(let text):
                if Array(text.utf8).withUnsafeBytes({ parser.validate($0) }) != nil { return "record \(offset) became \(text)" }
            case .rejected(let rejection):
                if !rejection.code.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }) {
                    return "the code \(rejection.code)"
                }
                if rejection.explanation.isEmpty || rejection.explanation.utf8.count > 2000 {
                    return "the explanation \(rejection.explanation)"
                }
            case .filtered: break
            }
        }
        transformer.tick(nowMilliseconds: 0, into: EnvelopeWriter(sink))
        return nil
    }

    /// A plugin whose every step comes out of a list of bytes.
    private final class Script: PluginCode, @unchecked Sendable {
        let place = PluginOrigin.Place.process
        // Sound: used by one thread.
        private let bytes: [UInt8]
        private let texts: [[UInt8]]
        private var read = 0

        init(bytes: [UInt8], texts: [[UInt8]]) {
            self.bytes = bytes
            self.texts = texts
        }

        private func next() -> Int {
            guard read < bytes.count else { return 0 }
            read += 1
            return Int(bytes[read - 1])
        }

        func makeInstance(of transformer: Int, options: [UInt8], log: PluginVerdicts) -> (any PluginInstance)? {
            if next() % 16 == 15 { return nil }
            return Instance(self)
        }

        func play(_ verdicts: PluginVerdicts) -> Bool {
            for _ in 0..<next() % 12 {
                let (step, number) = (next(), next())
                let record = number < 250 ? UInt32(number % 8) : number < 253 ? UInt32.max : UInt32(number) << 20
                let (one, two) = (texts[next() % texts.count], texts[next() % texts.count])
                one.withUnsafeBytes { one in
                    two.withUnsafeBytes { two in
                        switch step % 6 {
                        case 0: verdicts.emit(record, nil)
                        case 1, 2: verdicts.emit(record, one)
                        case 3: verdicts.reject(record, code: one, field: two, text: one)
                        case 4: verdicts.filter(record, text: two)
                        default: verdicts.log(UInt32(number), two)
                        }
                    }
                }
            }
            return next() % 4 != 3
        }

        private final class Instance: PluginInstance {
            private let script: Script

            init(_ script: Script) { self.script = script }

            func process(_ batch: UnsafePointer<pb_batch>, into verdicts: PluginVerdicts) -> Bool { script.play(verdicts) }
            func tick(nowMilliseconds: Int64, into verdicts: PluginVerdicts) -> Bool { script.play(verdicts) }
        }
    }
}
