import Glibc
import Synchronization
import TestSupport

/// A broker that says what a test tells it to, over TCP: for what librdkafka's mock cluster can't do, such as deleting
/// records, recreating topics, transactions and quotas.
///
/// It speaks the oldest versions of the few requests that a consumer needs, and knows groups of one member.
/// Layouts: https://kafka.apache.org/protocol#protocol_api_keys
final class ScriptedBroker: Sendable {
    /// One partition. Offsets that have no record are holes, as compaction and transactions leave them.
    struct Log: Sendable {
        var low: Int64 = 0
        var end: Int64 = 0
        /// The last stable offset, where a transaction is open; the end otherwise.
        var stable: Int64?
        var values: [Int64: String] = [:]
        var timestamp: Int64 = 1_700_000_000_000

        /// Records from `low` up to but not including `end`, each with its offset as its value.
        init(_ range: Range<Int64> = 0..<0, timestamp: Int64 = 1_700_000_000_000) {
            low = range.lowerBound
            end = range.upperBound
            self.timestamp = timestamp
            for offset in range { values[offset] = "\(offset)" }
        }

        mutating func append(_ count: Int64) {
            for offset in end..<end + count { values[offset] = "\(offset)" }
            end += count
        }

        mutating func delete(before offset: Int64) {
            for gone in low..<offset { values[gone] = nil }
            low = offset
        }
    }

    struct Partition: Hashable, Sendable {
        var topic: String
        var number: Int32
        init(_ topic: String, _ number: Int32) { (self.topic, self.number) = (topic, number) }
    }

    struct Script: Sendable {
        var logs: [Partition: Log] = [:]
        var committed: [Partition: Int64] = [:]
        /// Every offset that was committed, in order.
        var commits: [Partition: [Int64]] = [:]
        /// Error code for each partition of a commit.
        var commitError: Int16 = 0
        /// Whether ListOffsets is left without an answer.
        var withholdsOffsets = false
        /// Error code for each partition of ListOffsets.
        var offsetsError: Int16 = 0
        /// While positive, no records are given out, and the connection is mute for this long, as brokers enforce quotas.
        var throttleMilliseconds: Int32 = 0
        /// The topics' `cleanup.policy`.
        var policy = "delete"
        /// The port of a second node that accepts connections and never answers, and the partitions it leads.
        var mutePort: UInt16?
        var ledByMute: Set<Partition> = []
        var generation: Int32 = 0
        var fetches = 0
        /// What Metadata was asked about, in order: names; `nil` for all topics.
        var lookups: [[String]?] = []
        /// Whether that is left without an answer from now on, always or when it is about all topics, and how often it was.
        var withholdsMetadata = false
        var withholdsListings = false
        var unansweredLookups = 0
    }

    let script = Mutex(Script())
    let port: UInt16
    private let listener: Int32
    private let connections = Mutex<Set<Int32>?>([])
    var address: String { "127.0.0.1:\(port)" }

    init() throws {
        let socket = try ListeningSocket()
        listener = socket.descriptor
        port = UInt16(socket.port)
        Self.thread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                let isOpen = connections.withLock { open in open?.insert(connection).inserted ?? false }
                guard isOpen else { return _ = Glibc.close(connection) }
                Self.thread { [self] in serve(connection) }
            }
        }
    }

    func close() {
        let open = connections.withLock { open in
            defer { open = nil }
            return open ?? []
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for connection in open { shutdown(connection, Int32(SHUT_RDWR)) }
        Glibc.close(listener)
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        final class Start: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(body))
        // Thread: the new one. Takes over the reference that `passRetained` left.
        pthread_create(
            &thread, nil,
            { argument in
                let argument: UnsafeMutableRawPointer? = argument
                if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, start.toOpaque())
        pthread_detach(thread)
    }

    // MARK: Connections

    private func serve(_ connection: Int32) {
        defer {
            _ = connections.withLock { $0?.remove(connection) }
            Glibc.close(connection)
        }
        while let size = receive(4, from: connection) {
            var head = WireReader(size)
            guard let bytes = receive(Int(head.int32()), from: connection) else { return }
            var request = WireReader(bytes)
            let (key, version, correlation) = (request.int16(), request.int16(), request.int32())
            _ = request.string()
            var answer = WireWriter()
            answer.int32(correlation)
            var pause: Int32 = 0
            guard self.answer(key, version, &request, &answer, &pause) else { continue }
            var framed = WireWriter()
            framed.data(answer.bytes)
            guard send(connection, framed.bytes, framed.bytes.count, Int32(MSG_NOSIGNAL)) == framed.bytes.count
            else { return }
            if pause > 0 { usleep(UInt32(pause) * 1_000) }
        }
    }

    private func receive(_ count: Int, from connection: Int32) -> [UInt8]? {
        guard count > 0, count < 1 << 24 else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(connection, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }

    // MARK: Answers

    private static let versions: [(key: Int16, least: Int16, most: Int16)] = [
        (0, 3, 3), (1, 4, 5), (2, 2, 2), (3, 0, 1), (8, 2, 2), (9, 1, 1), (10, 0, 0), (11, 0, 0), (12, 0, 0), (13, 0, 0),
        (14, 0, 0), (18, 0, 0), (32, 0, 0),
    ]

    /// - Returns: whether there is an answer.
    private func answer(
        _ key: Int16, _ version: Int16, _ request: inout WireReader, _ answer: inout WireWriter, _ pause: inout Int32
    ) -> Bool {
        switch key {
        case 1: fetch(&request, &answer, version, &pause)
        case 2: return listOffsets(&request, &answer)
        case 3: return metadata(&request, &answer, version)
        case 8: commit(&request, &answer)
        case 9: fetchCommitted(&request, &answer)
        case 10:
            answer.int16(0)
            answer.int32(1)
            answer.string("127.0.0.1")
            answer.int32(Int32(port))
        case 11: join(&request, &answer)
        case 12, 13: answer.int16(0)
        case 14:
            _ = (request.string(), request.int32(), request.string())
            answer.int16(0)
            answer.data(request.array { ($0.string(), $0.data()) }.first?.1 ?? [])
        case 18:
            // The newer versions are asked for first; this sends clients to version 0.
            answer.int16(version > 0 ? 35 : 0)
            answer.array(Self.versions) { answer, api in
                answer.int16(api.key)
                answer.int16(api.least)
                answer.int16(api.most)
            }
        case 32:
            let topics = request.array { request in
                _ = request.int8()
                defer { _ = request.array { $0.string() } }
                return request.string()
            }
            let policy = script.withLock { $0.policy }
            answer.int32(0)
            answer.array(topics) { answer, topic in
                answer.int16(0)
                answer.int16(-1)
                answer.int8(2)
                answer.string(topic)
                answer.array([("cleanup.policy", policy)]) { answer, entry in
                    answer.string(entry.0)
                    answer.string(entry.1)
                    for _ in 0..<3 { answer.int8(0) }
                }
            }
        default: return false
        }
        return true
    }

    private func metadata(_ request: inout WireReader, _ answer: inout WireWriter, _ version: Int16) -> Bool {
        var peek = request
        // Since version 1, null means all and none means none.
        let wantsAll = peek.int32() == (version >= 1 ? -1 : 0)
        let asked = request.array { $0.string() }
        let (logs, mutePort, ledByMute, isAnswered) = script.withLock { script in
            if wantsAll || !asked.isEmpty { script.lookups.append(wantsAll ? nil : asked.sorted()) }
            let isWithheld = script.withholdsMetadata || (wantsAll && script.withholdsListings)
            if isWithheld { script.unansweredLookups += 1 }
            return (script.logs, script.mutePort, script.ledByMute, !isWithheld)
        }
        guard isAnswered else { return false }
        let there = Set(logs.keys.map(\.topic))
        let nodes = [(Int32(1), port)] + (mutePort.map { [(Int32(2), $0)] } ?? [])
        answer.array(nodes) { answer, node in
            answer.int32(node.0)
            answer.string("127.0.0.1")
            answer.int32(Int32(node.1))
            if version >= 1 { answer.int16(-1) }
        }
        if version >= 1 { answer.int32(1) }
        answer.array(wantsAll ? there.sorted() : asked) { answer, topic in
            answer.int16(there.contains(topic) ? 0 : 3)
            answer.string(topic)
            if version >= 1 { answer.int8(0) }
            answer.array(logs.keys.filter { $0.topic == topic }.map(\.number).sorted()) { answer, number in
                answer.int16(0)
                let leader: Int32 = ledByMute.contains(Partition(topic, number)) ? 2 : 1
                answer.int32(number)
                answer.int32(leader)
                for _ in 0..<2 { answer.array([leader]) { $0.int32($1) } }
            }
        }
        return true
    }

    private func listOffsets(_ request: inout WireReader, _ answer: inout WireWriter) -> Bool {
        _ = request.int32()
        let isReadCommitted = request.int8() == 1
        let topics = request.array { request in (request.string(), request.array { ($0.int32(), $0.int64()) }) }
        let script = script.withLock { $0 }
        guard !script.withholdsOffsets else { return false }
        answer.int32(0)
        answer.array(topics) { answer, topic in
            answer.string(topic.0)
            answer.array(topic.1) { answer, partition in
                let log = script.logs[Partition(topic.0, partition.0)]
                answer.int32(partition.0)
                answer.int16(log == nil ? 3 : script.offsetsError)
                answer.int64(-1)
                let end = isReadCommitted ? log?.stable ?? log?.end : log?.end
                answer.int64(partition.1 == -2 ? log?.low ?? -1 : end ?? -1)
            }
        }
        return true
    }

    private func commit(_ request: inout WireReader, _ answer: inout WireWriter) {
        _ = (request.string(), request.int32(), request.string(), request.int64())
        let topics = request.array { request in
            (request.string(), request.array { ($0.int32(), $0.int64(), $0.string()) })
        }
        let error = script.withLock { script in
            guard script.commitError == 0 else { return script.commitError }
            for (topic, partitions) in topics {
                for (number, offset, _) in partitions {
                    script.committed[Partition(topic, number)] = offset
                    script.commits[Partition(topic, number), default: []].append(offset)
                }
            }
            return 0
        }
        answer.array(topics) { answer, topic in
            answer.string(topic.0)
            answer.array(topic.1) { answer, partition in
                answer.int32(partition.0)
                answer.int16(error)
            }
        }
    }

    private func fetchCommitted(_ request: inout WireReader, _ answer: inout WireWriter) {
        _ = request.string()
        let topics = request.array { request in (request.string(), request.array { $0.int32() }) }
        let committed = script.withLock { $0.committed }
        answer.array(topics) { answer, topic in
            answer.string(topic.0)
            answer.array(topic.1) { answer, number in
                answer.int32(number)
                answer.int64(committed[Partition(topic.0, number)] ?? -1)
                answer.string("")
                answer.int16(0)
            }
        }
    }

    private func join(_ request: inout WireReader, _ answer: inout WireWriter) {
        _ = (request.string(), request.int32())
        let asked = request.string()
        _ = request.string()
        let protocols = request.array { ($0.string(), $0.data()) }
        let generation = script.withLock { script in
            script.generation += 1
            return script.generation
        }
        let member = asked.isEmpty ? "member-\(generation)" : asked
        answer.int16(0)
        answer.int32(generation)
        answer.string(protocols.first?.0 ?? "")
        answer.string(member)
        answer.string(member)
        answer.array([protocols.first?.1 ?? []]) { answer, subscription in
            answer.string(member)
            answer.data(subscription)
        }
    }

    private func fetch(_ request: inout WireReader, _ answer: inout WireWriter, _ version: Int16, _ pause: inout Int32) {
        _ = (request.int32(), request.int32(), request.int32(), request.int32(), request.int8())
        let topics = request.array { request in
            (
                request.string(),
                request.array { request in
                    let (number, offset) = (request.int32(), request.int64())
                    if version >= 5 { _ = request.int64() }
                    _ = request.int32()
                    return (number: number, offset: offset)
                }
            )
        }
        var script = script.withLock { script in
            script.fetches += 1
            return script
        }
        // What a broker waits for; short, since tests wait for the end of it.
        for _ in 0..<10 {
            let isNews = topics.contains { topic, partitions in
                partitions.contains { script.logs[Partition(topic, $0.number)]?.end != $0.offset }
            }
            guard !isNews, script.throttleMilliseconds == 0 else { break }
            usleep(5_000)
            script = self.script.withLock { $0 }
        }
        pause = script.throttleMilliseconds
        answer.int32(pause)
        answer.array(topics) { answer, topic in
            answer.string(topic.0)
            answer.array(topic.1) { answer, partition in
                let log = script.logs[Partition(topic.0, partition.number)]
                let isInRange = log.map { $0.low <= partition.offset && partition.offset <= $0.end } ?? false
                answer.int32(partition.number)
                answer.int16(log == nil ? 3 : isInRange ? 0 : 1)
                // As Kafka does for partitions with an error.
                answer.int64(isInRange ? log?.end ?? -1 : -1)
                answer.int64(isInRange ? log?.stable ?? log?.end ?? -1 : -1)
                if version >= 5 { answer.int64(isInRange ? log?.low ?? -1 : -1) }
                answer.int32(0)
                answer.data(isInRange && pause == 0 ? log.map { Self.batches($0, from: partition.offset) } ?? [] : [])
            }
        }
    }

    /// Record batches from an offset to the end, or to the last stable one; a hole is a marker that ends a transaction.
    private static func batches(_ log: Log, from start: Int64) -> [UInt8] {
        var bytes = WireWriter()
        for offset in start..<max(start, min(log.stable ?? log.end, start + 500)) {
            let value = log.values[offset]
            var record = WireWriter()
            record.int8(0)
            record.varint(0)
            record.varint(0)
            if let value {
                record.varint(-1)
                record.varint(value.utf8.count)
                record.raw(Array(value.utf8))
            } else {
                // Version 0, commit.
                record.varint(4)
                record.raw([0, 0, 0, 1])
                record.varint(6)
                record.raw([0, 0, 0, 0, 0, 0])
            }
            record.varint(0)
            var batch = WireWriter()
            batch.int32(0)  // leader epoch
            batch.int8(2)  // magic
            batch.int32(0)  // checksum, which isn't looked at unless asked for
            batch.int16(value == nil ? 0x30 : 0)
            batch.int32(0)  // last offset delta
            batch.int64(log.timestamp + offset)
            batch.int64(log.timestamp + offset)
            batch.int64(value == nil ? 1 : -1)  // producer id
            batch.int16(value == nil ? 0 : -1)
            batch.int32(-1)
            batch.int32(1)  // records
            batch.varint(record.bytes.count)
            batch.raw(record.bytes)
            bytes.int64(offset)
            bytes.data(batch.bytes)
        }
        return bytes.bytes
    }
}
