import CLoad

/// Everything a bar needs beside its clients: the embedded Kafka and a server that reads from it.
struct Rig: ~Copyable {
    var kafka: MockKafka
    let server: Server
    let options: BenchOptions
    /// Above 0: keys name so many channels in turn.
    var channels = 0
    private let folder: WorkFolder

    /// Where other programs may write their logs.
    var folderPath: String { folder.path }

    enum Program {
        /// With one route to one channel, or these.
        case server(routes: String?)
        /// The C program that does the same job with as little as possible.
        case reference
    }

    /// - Parameters:
    ///   - lingerMilliseconds: of the producer, librdkafka's default; it is part of every latency that is measured.
    ///   - isPinned: whether the server may use one processor only.
    init(
        _ options: BenchOptions, maxClients: Int, bufferMessages: Int = 20_000, lingerMilliseconds: Double = 5,
        program: Program = .server(routes: nil), isPinned: Bool = false
    ) throws(BenchFailure) {
        var error = cload_error()
        // The server inherits the limit; both ends need a file per client.
        guard cload_raise_open_files(UInt64(maxClients) + 1_000, &error) else { throw BenchFailure(error) }
        let kafka = try MockKafka(
            partitions: options.partitions, lingerMilliseconds: options.linger ?? lingerMilliseconds)
        let folder = try WorkFolder(isKept: options.keep)
        let server: Server
        switch program {
        case .server(let routes):
            server = try Server(
                options: options, brokers: kafka.brokers, folder: folder.path, maxClients: maxClients,
                bufferMessages: bufferMessages, routes: routes, isPinned: isPinned)
        case .reference:
            server = try Server(referenceFor: options, brokers: kafka.brokers, folder: folder.path, maxClients: maxClients)
        }
        self.options = options
        self.kafka = kafka
        self.folder = folder
        self.server = server
    }

    func clientSettings(_ connections: Int, sampled: Int? = nil) -> Clients.Settings {
        Clients.Settings(
            port: server.port, connections: connections, sampled: min(sampled ?? options.sampled, connections),
            drainIntervalMicroseconds: options.drainInterval, partitions: options.partitions)
    }

    /// Produces until the clients see it, for the server may begin at the end of the topic and only after a while; then
    /// a little more, so that nothing is measured cold.
    mutating func warmUp(_ clients: borrowing Clients, rate: Double, seconds: Double) throws(BenchFailure) {
        let deadline = cload_now() + 30_000_000_000
        while clients.sampledMessages == 0 {
            guard cload_now() < deadline else {
                throw BenchFailure("no record reached a client within 30 s; the server's log ends:\n\(server.logTail)")
            }
            // Of sparse channels a whole round, so that some of it reaches the sample.
            try kafka.produce(
                .init(count: UInt64(max(1, channels)), rate: max(1_000, Double(channels) * 5), channels: channels), for: clients)
            pause(seconds: 0.2)
        }
        try kafka.produce(.init(count: UInt64(rate * seconds), rate: rate, channels: channels), for: clients)
        try settle(clients)
    }

    /// Waits until nothing is in flight and starts counting afresh.
    func settle(_ clients: borrowing Clients) throws(BenchFailure) {
        guard clients.waitQuiet(limit: 30) else { throw BenchFailure("messages still arrive 30 s after the last record") }
        clients.mark(nextSequence: kafka.nextSequence)
    }

    /// Waits for what was produced since the mark to arrive everywhere, or to stop arriving.
    func waitDelivered(_ clients: borrowing Clients, _ count: UInt64, limit: Double) {
        clients.waitMessages(count, limit: limit)
        clients.waitQuiet(limit: 5)
    }
}
