import CLoad

/// The embedded Kafka of the generator, with a producer whose sequence numbers go on from run to run.
struct MockKafka: ~Copyable {
    static let topic = "trade-info"

    struct Pace {
        var count: UInt64
        /// Records per second.
        var rate: Double
        /// How far the producer may be ahead of the slowest client; 0 is no limit.
        var window: UInt64 = 0
        var secondsLimit: Double = 0
        /// Above 0: keys name so many channels in turn.
        var channels = 0
    }

    let partitions: Int
    /// Owned: made in `init`, destroyed in `deinit`.
    private let pointer: OpaquePointer
    /// Of the next record.
    private(set) var nextSequence: UInt64 = 0

    /// - Parameter lingerMilliseconds: how long the producer gathers records for one batch. 0 makes a batch, a request and
    ///   a wake-up of three threads of almost every record: only for low rates.
    init(partitions: Int, lingerMilliseconds: Double) throws(BenchFailure) {
        self.partitions = partitions
        var error = cload_error()
        guard let made = cload_kafka_create(Self.topic, UInt32(partitions), lingerMilliseconds, &error) else { throw BenchFailure(error) }
        pointer = made
    }

    deinit { cload_kafka_destroy(pointer) }

    /// `host:port`
    var brokers: String { String(cString: cload_kafka_brokers(pointer)) }

    /// Starts a run on a thread of its own; `finish` ends it. `clients` must outlive the run.
    func begin(_ pace: Pace, for clients: borrowing Clients) throws(BenchFailure) { try begin(pace, clients: clients.pointer) }

    private func begin(_ pace: Pace, clients: OpaquePointer?) throws(BenchFailure) {
        var error = cload_error()
        var raw = cload_pace()
        raw.first_sequence = nextSequence
        raw.count = pace.count
        raw.rate = pace.rate
        // Above 1,000 records/s a wake-up per record would cost more than producing them.
        raw.tick_us = pace.rate > 1_000 ? 1_000 : 0
        raw.window = pace.window
        raw.channels = UInt32(pace.channels)
        raw.clients = clients
        raw.time_limit_ns = UInt64(pace.secondsLimit * 1e9)
        guard cload_kafka_begin(pointer, &raw, &error) else { throw BenchFailure(error) }
    }

    /// Records of the current run so far.
    var produced: UInt64 { cload_kafka_produced(pointer) }

    func interrupt() { cload_kafka_interrupt(pointer) }

    /// Waits for the run's end and for the broker's acknowledgements.
    mutating func finish() throws(BenchFailure) -> cload_produced {
        var error = cload_error()
        var result = cload_produced()
        let isDelivered = cload_kafka_finish(pointer, &result, &error)
        nextSequence += result.produced
        guard isDelivered else { throw BenchFailure(error) }
        return result
    }

    /// A whole run.
    @discardableResult
    mutating func produce(_ pace: Pace, for clients: borrowing Clients) throws(BenchFailure) -> cload_produced {
        try begin(pace, for: clients)
        return try finish()
    }

    /// A whole run that nobody has to keep up with.
    @discardableResult
    mutating func produce(_ pace: Pace) throws(BenchFailure) -> cload_produced {
        try begin(pace, clients: nil)
        return try finish()
    }
}
