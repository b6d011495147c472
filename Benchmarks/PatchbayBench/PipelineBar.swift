import ArgumentParser
import CAllocationCounter
import CLoad
import GenericTransformers
import PatchbayAPI
import PatchbayCore
import TradeTransformer

/// B4: the pipeline alone, on one thread: records in memory, through a route, into a channel log.
struct PipelineBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b4", abstract: "Pipeline only: records in memory to the channel log, one thread.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Records per batch.") var batch = 100
    @Option(help: "Seconds for each transformer.") var seconds = 2.0

    /// Emits every value as it is: what the router itself costs.
    private final class PassThrough: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
            for record in batch.records { output.emit(record) }
        }
    }

    private struct Result {
        var recordsPerSecond: Double
        var allocationsPerRecord: Double
        var allocationsPerBatch: Double
    }

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B4", "pipeline only, one thread, \(batch) records a batch")
        let pass = run("pass_through", { PassThrough() }, &report)
        let json = run("json", try factory(JSONTransformer.definition), &report)
        let trade = run("trade", try factory(TradeTransformer.definition), &report)
        report.check(
            "pass-through at least 2 M records/s: \(rounded(pass.recordsPerSecond / 1e6)) M", pass.recordsPerSecond >= 2e6)
        report.check(
            "trade at least 1 M records/s: \(rounded(trade.recordsPerSecond / 1e6)) M", trade.recordsPerSecond >= 1e6)
        // Buffers and batches are allocated per batch and per 128 KiB of log; none may come with a record.
        let most = max(pass.allocationsPerBatch, json.allocationsPerBatch, trade.allocationsPerBatch)
        report.check("no allocation per record: \(rounded(most)) per batch of \(batch)", most < 4)
        report.summary =
            "pass-through \(rounded(pass.recordsPerSecond / 1e6)) M records/s, json "
            + "\(rounded(json.recordsPerSecond / 1e6)) M, trade \(rounded(trade.recordsPerSecond / 1e6)) M; "
            + "\(rounded(most)) allocations per batch of \(batch)"
        return report
    }

    private func factory(_ definition: TransformerDefinition) throws(BenchFailure) -> @Sendable () -> any Transformer {
        do throws(OptionError) {
            return try definition.configure(OptionValues(defaultsOf: definition.options))
        } catch {
            throw BenchFailure("\(definition.name) refuses its defaults: \(error.message)")
        }
    }

    private func run(
        _ name: String, _ make: @escaping @Sendable () -> any Transformer, _ report: inout BarReport
    ) -> Result {
        let route = Route(name: name, topic: "bench", type: "trade_data", channels: ["bench"], makeTransformer: make)
        let router = RoutingHub(table: RouteTable(routes: [route]), fanouts: [])
        let processor = router.makeProcessor()
        let payload = Array(Self.trade.utf8)
        return payload.withUnsafeBytes { value in
            let records = (0..<batch).map {
                Record(partition: 0, recordOffset: Int64($0), timestampMilliseconds: 0, key: nil, value: value)
            }
            return records.withUnsafeBufferPointer { records in
                func turn(_ batches: Int) {
                    for _ in 0..<batches {
                        _ = processor.process(RecordBatch(topic: "bench", records: records))
                        processor.finishPoll()
                    }
                }
                turn(1000)
                let allocationsBefore = allocation_count()
                let start = cload_now()
                var batches = 0
                while Double(cload_now() - start) < seconds * 1e9 {
                    turn(100)
                    batches += 100
                }
                let elapsed = Double(cload_now() - start) / 1e9
                let allocations = Double(allocation_count() - allocationsBefore)
                let result = Result(
                    recordsPerSecond: Double(batches * batch) / elapsed,
                    allocationsPerRecord: allocations / Double(batches * batch),
                    allocationsPerBatch: allocations / Double(batches))
                report.figure("\(name)_records_per_s", result.recordsPerSecond)
                report.figure("\(name)_allocations_per_record", result.allocationsPerRecord)
                return result
            }
        }
    }

    static let trade = """
        {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400",\
        "SellBuy":"buy","NativeAmount":"1000.000000","TokenAmount":"2500.500000","PriceUsd":"0.400000",\
        "TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678"}
        """
}
