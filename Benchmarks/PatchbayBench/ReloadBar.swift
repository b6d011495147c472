import ArgumentParser
import CLoad
import GenericTransformers
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
        var words: [String] = []
        for chain in Chain.allCases {
            let check = try checkSeconds(chain)
            report.figure("\(chain)_check_s", check)
            // jq reads its library for every program, 20 ms at a time; the figure says what that comes to.
            if chain != .jq {
                report.check("a check takes under 0.2 s (\(chain)): \(rounded(check)) s", check < 0.2)
            }
            let swap = try measureSwaps(chain)
            report.figure("\(chain)_batch_median_us", swap.median)
            report.figure("\(chain)_first_batch_after_swap_median_us", swap.afterSwapMedian)
            report.figure("\(chain)_first_batch_after_swap_p90_us", swap.afterSwapTail)
            let stall = swap.afterSwapMedian - swap.median
            report.figure("\(chain)_stall_us", stall)
            report.check(
                "a swap stalls the records by at most one batch (\(chain)): \(rounded(stall)) µs, a batch takes "
                    + "\(rounded(swap.median)) µs",
                stall <= swap.median)
            words.append(
                "\(chain): check \(rounded(check * 1e3)) ms, a swap adds \(rounded(stall)) µs to a batch of "
                    + "\(rounded(swap.median)) µs")
        }
        report.summary = words.joined(separator: "; ")
        return report
    }

    /// What the routes do. No two filters of a table are the same.
    private enum Chain: String, CaseIterable {
        case trade
        /// A condition, and pick.
        case filter
        /// A filter that needs jq, and pick.
        case jq

        func expression(_ number: Int) -> String {
            self == .filter
                ? #".SellBuy == "buy" and .Token != "0x\#(number)""# : #".SellBuy == "buy" and (.Token | startswith("x\#(number)") | not)"#
        }

        func steps(_ number: Int) -> String {
            switch self {
            case .trade: #"trade: { tokens: ["0x0000000000000000000000000000000000000001"] }"#
            case .filter, .jq: "filter: '\(expression(number))'"
            }
        }
    }

    // MARK: Check

    /// The median of five runs of `patchbay check`, the start of the process included.
    private func checkSeconds(_ chain: Chain) throws(BenchFailure) -> Double {
        let folder = try WorkFolder(isKept: options.keep)
        let file = "\(folder.path)/routes.yaml"
        var text = "version: 1\nroutes:\n"
        for number in 0..<routes {
            text += """
                  - name: route-\(number)
                    topic: topic-\(number)
                    transform:
                      - \(chain.steps(number))
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
    private func measureSwaps(_ chain: Chain) throws(BenchFailure) -> Swaps {
        let count = routes
        // Configured again for every table, as a reload does: on the thread that swaps.
        let table: @Sendable (Int) -> RouteTable = { turn in
            let steps = Self.steps(chain, count: count, turn: turn)
            return RouteTable(
                routes: (0..<count).map { number in
                    Route(
                        name: "route-\(number)", topics: [.name("topic-\(number)")], steps: steps[number],
                        type: "turn-\(turn)", channels: ["all", "channel-\(number)"].map(ChannelTemplate.init(plain:)),
                        makeFieldReader: { _ in NoFields() })
                })
        }
        let first = table(0)
        guard first.routes.allSatisfy({ !$0.steps.isEmpty }) else { throw BenchFailure("\(chain): refuses its options") }
        let router = RoutingHub(table: first, fanouts: [])
        // Setting up that many programs of jq takes a while.
        let swaps = chain == .jq ? min(swaps, 20) : swaps
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

extension ReloadBar {
    /// The chain of each route; an empty one where something is wrong.
    private static func steps(_ chain: Chain, count: Int, turn: Int) -> [[Route.Step]] {
        func made(_ definition: TransformerDefinition, _ options: [[String: ConfigValue]]) -> [Route.Step?] {
            definition.configureAll(options.map { OptionValues($0, defaultsOf: definition.options) }).map { outcome in
                (try? outcome.get()).map { Route.Step(transformer: definition.name, make: $0) }
            }
        }
        if chain == .trade {
            let trade = made(TradeTransformer.definition, [[:]])[0]
            return Array(repeating: trade.map { [$0] } ?? [], count: count)
        }
        let filters = made(
            FilterTransformer.definition,
            (0..<count).map { ["where": .string(chain.expression($0 + turn * count))] })
        let pick = made(PickTransformer.definition, [["fields": .list([.string("Token"), .string("PriceUsd")])]])[0]
        return filters.map { filter in [filter, pick].allSatisfy { $0 != nil } ? [filter, pick].compactMap(\.self) : [] }
    }
}

/// No channel depends on one.
private final class NoFields: FieldReader {
    func read(_ data: UnsafeRawBufferPointer, _ take: (Int, FoundField) -> Void) -> Bool { false }
}

/// Replaces the table from a thread of its own, every few milliseconds.
private final class Swapper: Sendable {
    private let router: RoutingHub
    private let swaps: Int
    private let table: @Sendable (Int) -> RouteTable
    private let done = Latch()

    init(router: RoutingHub, swaps: Int, table: @escaping @Sendable (Int) -> RouteTable) {
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
