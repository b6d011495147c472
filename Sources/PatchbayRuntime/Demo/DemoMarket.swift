import DemoFeed
import Foundation
import Logging
import PatchbayCore
import PatchbayKafka
import Synchronization

/// Produces the demo's feed to a broker at a steady rate, from a thread of its own.
package final class DemoMarket: Sendable {
    /// Where the shipped routes.yaml expects each kind of record.
    static let topicsByKind: [FeedRecord.Kind: String] = [
        .token: "token-info", .trade: "trade-info", .aggregate: "aggregate-info",
    ]
    package static var topics: [String] { Array(topicsByKind.values) }
    /// Records go out in groups this often, so that high rates don't wake the thread for each.
    private static let tick = 0.005

    private let producer: Producer
    private let rate: Int
    private let seed: UInt64
    private let logger: Logger
    private let isStopped = Atomic<Bool>(false)

    package init(brokers: String, rate: Int, seed: UInt64, logger: Logger) throws {
        producer = try Producer(brokers: [brokers], properties: [Producer.linger(recordsPerSecond: rate)], logger: logger)
        self.rate = rate
        self.seed = seed
        self.logger = logger
    }

    package func start() {
        guard rate > 0 else { return }
        Thread.detachNewThread { [self] in run() }
    }

    package func stop() {
        isStopped.store(true, ordering: .relaxed)
        producer.close(timeoutMilliseconds: 1000)
    }

    private func run() {
        var feed = MarketFeed(seed: seed)
        let start = ContinuousClock.now
        var produced = 0
        while !isStopped.load(ordering: .relaxed) {
            let due = Int(Double(rate) * ((ContinuousClock.now - start) / .seconds(1)))
            while produced < due, !isStopped.load(ordering: .relaxed) {
                let record = feed.next(nowMilliseconds: Timestamp.nowMilliseconds())
                guard produce(record) else { break }
                produced += 1
            }
            Thread.sleep(forTimeInterval: max(Self.tick, min(0.1, 0.5 / Double(rate))))
        }
    }

    /// `false` when the queue is full: the record is dropped, since a live feed must not lag behind.
    private func produce(_ record: FeedRecord) -> Bool {
        guard let topic = Self.topicsByKind[record.kind] else { return true }
        do {
            try record.key.withUnsafeBytes { key in
                try record.json.withUnsafeBytes { try producer.produce(topic: topic, key: key, value: $0) }
            }
            return true
        } catch {
            if !isStopped.load(ordering: .relaxed) {
                logger.warning("the demo feed can't produce", metadata: ["error": "\(ErrorSentence.of(error))"])
            }
            return false
        }
    }
}
