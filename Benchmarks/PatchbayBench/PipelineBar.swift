import ArgumentParser
import CAllocationCounter
import CLoad
import GenericTransformers
import NIOCore
import NIOPosix
import PatchbayAPI
import PatchbayCore
import PatchbayRuntime
import TradeTransformer

/// B4: the pipeline alone, on one thread: records in memory, through a route, into a channel log.
struct PipelineBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b4", abstract: "Pipeline only: records in memory to the channel log, one thread.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Records per batch.") var batch = 100
    @Option(help: "Seconds for each transformer.") var seconds = 2.0
    @Option(
        name: .customLong("transformer"),
        help: "Only this transformer, on the first of its documented examples that passes; may be repeated, `all` is each of them.")
    var transformers: [String] = []

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
        if !transformers.isEmpty { return try measureByName() }
        var report = BarReport("B4", "pipeline only, one thread, \(batch) records a batch")
        let pass = run("pass_through", { PassThrough() }, &report)
        let json = run("json", try factory(JSONTransformer.definition), &report)
        let trade = run("trade", try factory(TradeTransformer.definition), &report)
        report.check(
            "pass-through at least 2 M records/s: \(rounded(pass.recordsPerSecond / 1e6)) M", pass.recordsPerSecond >= 2e6)
        report.check(
            "trade at least 1 M records/s: \(rounded(trade.recordsPerSecond / 1e6)) M", trade.recordsPerSecond >= 1e6)
        let keyedJSON = try keyed(JSONTransformer.definition, [:], holdsRecords: false, &report)
        let conflate = try keyed(
            ConflateTransformer.definition, ["key": .string("{Token}"), "every": .integer(250)], holdsRecords: true, &report)
        report.figure("conflate_to_json", conflate / keyedJSON)
        report.check(
            "conflate takes at least half of json's rate over \(Self.keys) keys: \(rounded(conflate / keyedJSON))",
            conflate >= keyedJSON / 2)
        // Buffers and batches are allocated per batch and per 128 KiB of log; none may come with a record.
        let most = max(pass.allocationsPerBatch, json.allocationsPerBatch, trade.allocationsPerBatch)
        report.check("no allocation per record: \(rounded(most)) per batch of \(batch)", most < 4)
        // Counted in an optimised build: without optimisation Swift allocates for reasons of its own.
        let (one, many) = (try allocationsOfPass(subscribers: 1), try allocationsOfPass(subscribers: 501))
        let perDelivery = (many - one) / 500
        report.figure("pass_allocations_per_batch", one)
        report.figure("pass_allocations_per_delivery", perDelivery)
        report.check("no allocation per delivery: \(rounded(perDelivery))", perDelivery < 0.01)
        report.check("a batch that is delivered takes at most 10 allocations: \(rounded(one))", one <= 10)
        report.summary =
            "pass-through \(rounded(pass.recordsPerSecond / 1e6)) M records/s, json "
            + "\(rounded(json.recordsPerSecond / 1e6)) M, trade \(rounded(trade.recordsPerSecond / 1e6)) M; "
            + "\(rounded(most)) allocations per batch of \(batch), \(rounded(one)) when it is delivered, \(rounded(perDelivery)) per delivery"
        return report
    }

    /// What single transformers cost beyond passing the same record through, for the reference.
    private func measureByName() throws(BenchFailure) -> BarReport {
        var report = BarReport("B4", "transformers alone, one thread, \(batch) records a batch")
        var costs: [String] = []
        for definition in try named() {
            guard let example = definition.examples.first(where: \.passes) else { continue }
            let make = try factory(definition, example.options)
            let pass = run("\(definition.name)_pass_through", { PassThrough() }, on: example.input, &report)
            let result = run(definition.name, make, on: example.input, &report)
            let cost = 1e9 / result.recordsPerSecond - 1e9 / pass.recordsPerSecond
            report.figure("\(definition.name)_ns_per_record", cost)
            costs.append("\(definition.name) \(rounded(cost)) ns on \(example.input.utf8.count) bytes")
        }
        report.summary = costs.joined(separator: ", ")
        return report
    }

    private func named() throws(BenchFailure) -> [TransformerDefinition] {
        guard let known = try? BuiltinTransformers.set() else { throw BenchFailure("two transformers have one name") }
        if transformers == ["all"] { return known.definitions }
        var found: [TransformerDefinition] = []
        for name in transformers {
            guard let definition = known[name] else { throw BenchFailure("there is no transformer \(name)") }
            found.append(definition)
        }
        return found
    }

    /// Takes what it is given and does nothing.
    private final class Subscriber: MessageReceiver {
        let isWritable = true
        var isAwaitingFlush = false
        let name = "subscriber"
        func write(frames: ByteBuffer) {}
        func write(_ message: ControlMessage) {}
        func flush() {}
        func losesMessages(_ subscription: Subscription, behind: Int64) {}
        func subscriptionEnded(_ subscription: Subscription) {}
    }

    /// Allocations of one batch, from the route to the subscribers' queues, each batch in a pass of its own. All of it on one thread, since
    /// they are counted by thread.
    private func allocationsOfPass(subscribers: Int) throws(BenchFailure) -> Double {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let count = 500
        let allocations = loop.submit { () -> Int in
            let fanout = Fanout(eventLoop: loop, index: 0)
            let route = Route(name: "r", topic: "bench", type: "trade_data", channels: ["bench"], makeTransformer: { PassThrough() })
            let router = RoutingHub(table: RouteTable(routes: [route]), fanouts: [fanout])
            guard let log = router.log(ofChannel: "bench") else { return 0 }
            let receivers = (0..<subscribers).map { _ in Subscriber() }
            let subscriptions = receivers.map { fanout.subscribe($0, to: log) }
            // Subscriptions don't hold their receivers.
            defer { withExtendedLifetime(receivers) { for subscription in subscriptions { fanout.unsubscribe(subscription) } } }
            let processor = router.makeProcessor()
            return Array(Self.trade.utf8).withUnsafeBytes { value in
                let records = (0..<5).map {
                    Record(partition: 0, recordOffset: Int64($0), timestampMilliseconds: 1, key: nil, value: value)
                }
                return records.withUnsafeBufferPointer { records in
                    func turn() {
                        for _ in 0..<count {
                            _ = processor.process(RecordBatch(topic: "bench", records: records))
                            processor.finishPoll()
                            fanout.passNow()
                        }
                    }
                    // What is reused has grown by then.
                    turn()
                    let before = allocation_count()
                    turn()
                    return Int(allocation_count() - before)
                }
            }
        }
        defer { try? group.syncShutdownGracefully() }
        do {
            return Double(try allocations.wait()) / Double(count)
        } catch {
            throw BenchFailure("a pass can't be measured: \(error)")
        }
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

    private func run(
        _ name: String, _ make: @escaping @Sendable () -> any Transformer, on input: String = Self.trade, _ report: inout BarReport
    ) -> Result {
        let route = Route(name: name, topic: "bench", type: "trade_data", channels: ["bench"], makeTransformer: make)
        let router = RoutingHub(table: RouteTable(routes: [route]), fanouts: [])
        let processor = router.makeProcessor()
        let payload = Array(input.utf8)
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

    private static let keys = 10_000

    private final class NoFields: FieldReader {
        func read(_ data: UnsafeRawBufferPointer, _ take: (Int, FoundField) -> Void) -> Bool { false }
    }

    /// Records of many tokens in turn, none of them in a batch twice.
    ///
    /// - Returns: records per second.
    private func keyed(
        _ definition: TransformerDefinition, _ options: [String: ConfigValue], holdsRecords: Bool, _ report: inout BarReport
    ) throws(BenchFailure) -> Double {
        let make = try factory(definition, options)
        let step = Route.Step(transformer: definition.name, holdsRecords: holdsRecords, make: make)
        let route = Route(
            name: definition.name, topics: [.name("bench")], steps: [step], type: "trade_data", channels: [ChannelTemplate(plain: "bench")],
            makeFieldReader: { _ in NoFields() })
        let router = RoutingHub(table: RouteTable(routes: [route]), fanouts: [])
        let processor = router.makeProcessor()
        let texts = (0..<Self.keys).map { number in
            let digits = String(100_000 + number)
            return Array(Self.trade.replacing("0x0000000000000000000000000000000000", with: "0x0000000000000000000000000000\(digits)").utf8)
        }
        let length = texts[0].count
        let all = texts.flatMap { $0 }
        let count = batch
        let seconds = seconds
        let rate = all.withUnsafeBytes { bytes -> Double in
            let records = UnsafeMutableBufferPointer<Record>.allocate(capacity: count)
            defer { records.deallocate() }
            var offset: Int64 = 0
            func turn(_ batches: Int) {
                for _ in 0..<batches {
                    for place in 0..<count {
                        let start = Int(offset) % Self.keys * length
                        let value = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
                        records.initializeElement(
                            at: place, to: Record(partition: 0, recordOffset: offset, timestampMilliseconds: 0, key: nil, value: value))
                        offset += 1
                    }
                    _ = processor.process(RecordBatch(topic: "bench", records: UnsafeBufferPointer(records)))
                    processor.finishPoll()
                }
            }
            turn(1000)
            let start = cload_now()
            var done = 0
            while Double(cload_now() - start) < seconds * 1e9 {
                turn(100)
                done += 100 * count
            }
            return Double(done) / (Double(cload_now() - start) / 1e9)
        }
        report.figure("keyed_\(definition.name)_records_per_s", rate)
        return rate
    }

    static let trade = """
        {"Token":"0x0000000000000000000000000000000000000001","Wallet":"0x0000000000000000000000000000000000000400",\
        "SellBuy":"buy","NativeAmount":"1000.000000","TokenAmount":"2500.500000","PriceUsd":"0.400000",\
        "TransTime":"2024-01-01T12:00:00Z","TxHash":"0x1234567890abcdef1234567890abcdef12345678"}
        """
}

extension TransformerExample {
    /// Whether something comes out.
    fileprivate var passes: Bool {
        switch outcome {
        case .data, .messages: true
        case .rejected, .filtered: false
        }
    }
}
