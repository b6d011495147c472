import ArgumentParser
import CLoad
import Foundation
import GenericTransformers
import PatchbayAPI
import PatchbayCore
import PatchbayPlugins

/// B12: what plugins cost: the pipeline alone, on one thread, with a step that passes on what is JSON, which `json` does, and plugins in C
/// do in each of the ways that they can run.
struct PluginBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b12", abstract: "Plugins: the same step built in, as a native plugin, in a process, and as WebAssembly.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Records per batch.") var batch = 100
    @Option(help: "Seconds of each part; every step has one in each round.") var seconds = 0.4
    @Option(help: "Rounds.") var rounds = 7

    private final class PassThrough: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
            for record in batch.records { output.emit(record) }
        }
    }

    private static let source = """
        #include <stddef.h>
        #include "patchbay_plugin.h"
        static const char description[] = "{\\"transformers\\":[{\\"name\\":\\"pass\\",\\"summary\\":\\"Passes records on.\\"}]}";
        uint32_t patchbay_abi(void) { return PATCHBAY_ABI; }
        const pb_bytes *patchbay_describe(void) {
            static pb_bytes text;
            text.data.at = (const uint8_t *)description;
            text.length = sizeof description - 1;
            text.present = 1;
            return &text;
        }
        static int instance;
        void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *output) {
            (void)transformer, (void)options, (void)output;
            return &instance;
        }
        int32_t patchbay_process(void *at, const pb_batch *batch, const pb_output *output) {
            (void)at;
            for (uint32_t i = 0; i < batch->count; i++) {
                const pb_bytes *value = &pb_record_at(batch, i)->value;
                pb_emit(output, i, COPIES ? value->data.at : NULL, COPIES ? value->length : 0);
            }
            return 0;
        }
        void patchbay_destroy(void *at) { (void)at; }
        """

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B12", "plugins, one thread, \(batch) records a batch of \(PipelineBar.trade.utf8.count) bytes")
        let (pass, copy) = (try library(copies: false), try library(copies: true))
        let isolation = PluginIsolation(deadline: .seconds(10), memory: 256 << 20)
        var parts: [(name: String, part: Part)] = []
        parts.append(("pass_through", Part({ PassThrough() }, batch)))
        parts.append(("json", Part(try factory(JSONTransformer.definition), batch)))
        parts.append(("native", Part(try factory(try load(pass, nil)), batch)))
        parts.append(("process", Part(try factory(try load(pass, isolation)), batch)))
        parts.append(("native_copy", Part(try factory(try load(copy, nil)), batch)))
        parts.append(("process_copy", Part(try factory(try load(copy, isolation)), batch)))
        try addModules(&parts)
        parts.append(("process_single", Part(try factory(try load(pass, isolation)), 1)))

        var times: [String: [Double]] = [:]
        for _ in 0..<rounds { for (name, part) in parts { times[name, default: []].append(part.nanosecondsPerRecord(seconds: seconds)) } }
        func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        for (name, _) in parts { report.figure("\(name)_ns_per_record", middle(times[name] ?? [.nan])) }
        /// The middle of what each round says, since the machine's speed drifts.
        func compared(_ one: String, _ other: String, _ how: (Double, Double) -> Double) -> Double {
            middle(zip(times[one] ?? [.nan], times[other] ?? [.nan]).map(how))
        }
        let ratio = compared("native", "json", /)
        let (alone, copied) = (compared("process", "native", -), compared("process_copy", "native_copy", -))
        report.figure("native_to_json", ratio)
        report.figure("process_more_than_native_ns", alone)
        report.figure("process_more_than_native_when_copying_ns", copied)
        report.check("a native plugin takes at most 1.5 times what json takes: \(rounded(ratio))", ratio <= 1.5)
        report.check("a process takes at most 150 ns a record more than native: \(rounded(alone))", alone <= 150)
        report.check("also when each record's data comes from the plugin: \(rounded(copied))", copied <= 150)
        let modules = compareModules(&report, { compared($0, $1, $2) }, times)
        report.summary =
            "native \(rounded(ratio)) times json; in a process \(rounded(alone)) ns a record more, \(rounded(copied)) when it emits "
            + "data of its own; \(rounded(middle(times["process_single"] ?? [.nan]) / 1000)) µs for a record alone" + modules
        return report
    }

    /// `pick`, and a plugin that does the same, as a library and as a WebAssembly module, where clang and wasmtime are there.
    private func addModules(_ parts: inout [(name: String, part: Part)]) throws(BenchFailure) {
        let fields: [String: ConfigValue] = ["fields": .list([.string("Token"), .string("PriceUsd"), .string("TransTime")])]
        parts.append(("pick", Part(try factory(PickTransformer.definition, fields), batch)))
        for (name, isModule) in [("pick_native", false), ("pick_wasm", true)] {
            guard let definition = try KeepPlugin.definition(isModule: isModule) else { continue }
            parts.append((name, Part(try factory(definition, fields), batch)))
        }
    }

    private func compareModules(
        _ report: inout BarReport, _ compared: (String, String, (Double, Double) -> Double) -> Double, _ times: [String: [Double]]
    ) -> String {
        var summary = ""
        for (name, most) in [("native", 1.5), ("wasm", 3.0)] where times["pick_\(name)"] != nil {
            let ratio = compared("pick_\(name)", "pick", /)
            report.figure("pick_\(name)_to_pick", ratio)
            report.check("a \(name) plugin takes at most \(most) times what pick takes: \(rounded(ratio))", ratio <= most)
            summary += "; \(name) \(rounded(ratio)) times pick"
        }
        return summary
    }

    /// Compiled here: a plugin is whatever a compiler makes of this today.
    private func library(copies: Bool) throws(BenchFailure) -> [UInt8] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("plugin-bench-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let (file, library) = (folder.appendingPathComponent("pass.c"), folder.appendingPathComponent("pass.so"))
            try Self.source.write(to: file, atomically: true, encoding: .utf8)
            try PluginHeader.text.write(to: folder.appendingPathComponent("patchbay_plugin.h"), atomically: true, encoding: .utf8)
            let compiler = Process()
            compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            compiler.arguments = ["clang", "-O2", "-shared", "-fPIC", "-DCOPIES=\(copies ? 1 : 0)", "-o", library.path, file.path]
            try compiler.run()
            compiler.waitUntilExit()
            guard compiler.terminationStatus == 0 else { throw BenchFailure("clang can't compile the plugin") }
            return Array(try Data(contentsOf: library))
        } catch {
            throw BenchFailure("no plugin: \(error)")
        }
    }

    private func load(_ library: [UInt8], _ isolation: PluginIsolation?) throws(BenchFailure) -> TransformerDefinition {
        let loaded: LoadedPlugin
        do throws(PluginFailure) {
            loaded = try PluginLoader.load(library, name: "pass.so", isolation: isolation)
        } catch {
            throw BenchFailure("the plugin \(error.problem)")
        }
        guard let definition = loaded.definitions.first else { throw BenchFailure("the plugin has no transformer") }
        return definition
    }

    private func factory(
        _ definition: TransformerDefinition, _ options: [String: ConfigValue] = [:]
    ) throws(BenchFailure) -> @Sendable () -> any Transformer {
        do throws(OptionError) {
            return try definition.configure(OptionValues(options, defaultsOf: definition.options))
        } catch {
            throw BenchFailure("\(definition.name) refuses its defaults: \(error.message)")
        }
    }

    /// A route with one step, and the records that it gets again and again.
    private final class Part {
        private let router: RoutingHub
        private let processor: any RecordProcessor
        private let payload = Array(PipelineBar.trade.utf8)
        private let batch: Int

        init(_ make: @escaping @Sendable () -> any Transformer, _ batch: Int) {
            let route = Route(name: "r", topic: "bench", type: "trade_data", channels: ["bench"], makeTransformer: make)
            router = RoutingHub(table: RouteTable(routes: [route]), fanouts: [])
            processor = router.makeProcessor()
            self.batch = batch
        }

        func nanosecondsPerRecord(seconds: Double) -> Double {
            payload.withUnsafeBytes { value in
                let records = (0..<batch).map {
                    Record(partition: 0, recordOffset: Int64($0), timestampMilliseconds: 0, key: nil, value: value)
                }
                return records.withUnsafeBufferPointer { records in
                    func turn() {
                        for _ in 0..<100 {
                            _ = processor.process(RecordBatch(topic: "bench", records: records))
                            processor.finishPoll()
                        }
                    }
                    turn()
                    let start = cload_now()
                    var count = 0
                    while Double(cload_now() - start) < seconds * 1e9 {
                        turn()
                        count += 100 * batch
                    }
                    return Double(cload_now() - start) / Double(count)
                }
            }
        }
    }
}
