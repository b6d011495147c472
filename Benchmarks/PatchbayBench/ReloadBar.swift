import ArgumentParser
import CLoad
import Glibc
import PatchbayAPI
import PatchbayCore
import TradeTransformer

/// B7: a thousand routes: how long a check takes, and what swapping them costs the records that are under way.
struct ReloadBar: Bar {
    static let configuration = CommandConfiguration(
        commandName: "b7", abstract: "Check 1,000 routes; swap 1,000 routes while records flow.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Routes of the file and of the table.") var routes = 1_000
    @Option(help: "Records per batch.") var batch = 100
    @Option(help: "Swaps of the whole table.") var swaps = 200

    func measure() throws(BenchFailure) -> BarReport {
        var report = BarReport("B7", "\(routes) routes: check, and swap while records flow")
        let check = try checkSeconds()
        report.figure("check_s", check)
        report.check("a check takes under 0.2 s: \(rounded(check)) s", check < 0.2)
        let swap = try measureSwaps()
        report.figure("batch_median_us", swap.median)
        report.figure("first_batch_after_swap_median_us", swap.afterSwapMedian)
        report.figure("first_batch_after_swap_p90_us", swap.afterSwapTail)
        let stall = swap.afterSwapMedian - swap.median
        report.figure("stall_us", stall)
        report.check(
            "a swap stalls the records by at most one batch: \(rounded(stall)) µs, a batch takes \(rounded(swap.median)) µs",
            stall <= swap.median)
        report.summary =
            "check \(rounded(check * 1e3)) ms; a swap adds \(rounded(stall)) µs to a batch of \(rounded(swap.median)) µs"
        return report
    }

    // MARK: Check

    /// The median of five runs of `patchbay check`, the start of the process included.
    private func checkSeconds() throws(BenchFailure) -> Double {
        let folder = try WorkFolder(isKept: options.keep)
        let file = "\(folder.path)/routes.yaml"
        var text = "version: 1\nroutes:\n"
        for number in 0..<routes {
            text += """
                  - name: route-\(number)
                    topic: topic-\(number)
                    transform:
                      - trade: { tokens: ["0x0000000000000000000000000000000000000001"] }
                      - pick: [Token, PriceUsd, TransTime]
                    type: price
                    channels: [all, "prices-\(number).{Token}"]
                    on_error: dead_letter
                    dead_letter: dead-letters

                """
        }
        try writeFile(file, text)
        let program = try options.program()
        var seconds: [Double] = []
        for _ in 0..<5 {
            let start = cload_now()
            let process = try ChildProcess(
                [program, "check", file], environment: inheritedEnvironment { _ in true },
                logPath: "\(folder.path)/server.log")
            let code = process.exitCode(within: 20)
            seconds.append(Double(cload_now() - start) / 1e9)
            guard code == 0 else { throw BenchFailure("the check ended with \(code ?? -1):\n\(process.logTail)") }
        }
        return seconds.sorted()[2]
    }

    // MARK: Swap

    private struct Swaps {
        /// Microseconds.
        var median: Double
        var afterSwapMedian: Double
        var afterSwapTail: Double
    }

    /// A thread routes batches of one topic without a break, while another replaces the whole table again and again;
    /// no route of one table is in the next.
    private func measureSwaps() throws(BenchFailure) -> Swaps {
        let make: @Sendable () -> any Transformer
        do throws(OptionError) {
            make = try TradeTransformer.definition.configure(
                OptionValues(defaultsOf: TradeTransformer.definition.options))
        } catch {
            throw BenchFailure("trade refuses its defaults: \(error.message)")
        }
        let count = routes
        let table: @Sendable (Int) -> RouteTable = { turn in
            RouteTable(
                routes: (0..<count).map { number in
                    Route(
                        name: "route-\(number)", topic: "topic-\(number)", type: "turn-\(turn)",
                        channels: ["all", "channel-\(number)"], makeTransformer: make)
                })
        }
        let router = Router(table: table(0), fanouts: [])
        let swapper = Swapper(router: router, swaps: swaps, table: table)
        guard swapper.start() else { throw BenchFailure("the system gives no thread") }
        let processor = router.makeProcessor()
        var usual: [Double] = []
        var afterSwap: [Double] = []
        let payload = Array(PipelineBar.trade.utf8)
        payload.withUnsafeBytes { value in
            let records = (0..<batch).map {
                Record(partition: 0, recordOffset: Int64($0), timestampMilliseconds: 0, key: nil, value: value)
            }
            records.withUnsafeBufferPointer { records in
                var generation = router.generation
                while !swapper.isDone {
                    let current = router.generation
                    let start = cload_now()
                    _ = processor.process(RecordBatch(topic: "topic-7", records: records))
                    processor.finishPoll()
                    let microseconds = Double(cload_now() - start) / 1e3
                    if current != generation {
                        afterSwap.append(microseconds)
                        generation = current
                    } else {
                        usual.append(microseconds)
                    }
                }
            }
        }
        guard !usual.isEmpty, !afterSwap.isEmpty else { throw BenchFailure("no swap was seen") }
        usual.sort()
        afterSwap.sort()
        return Swaps(
            median: usual[usual.count / 2], afterSwapMedian: afterSwap[afterSwap.count / 2],
            afterSwapTail: afterSwap[afterSwap.count * 9 / 10])
    }
}

/// Replaces the table from a thread of its own, every few milliseconds.
private final class Swapper: Sendable {
    private let router: Router
    private let swaps: Int
    private let table: @Sendable (Int) -> RouteTable
    private let done = Latch()

    init(router: Router, swaps: Int, table: @escaping @Sendable (Int) -> RouteTable) {
        self.router = router
        self.swaps = swaps
        self.table = table
    }

    var isDone: Bool { done.isSet }

    /// `false` when there is no thread to be had.
    func start() -> Bool {
        var thread = pthread_t()
        let reference = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, nil,
            { argument in
                // `pthread_create` hands over what it was given below.
                if let argument { Unmanaged<Swapper>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, reference.toOpaque())
        guard result == 0 else {
            reference.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private func run() {
        for turn in 1...swaps {
            router.replace(with: table(turn), reason: "replaced")
            usleep(5_000)
        }
        done.set()
    }
}
