import PatchbayAPI

/// One route on one consumer thread: runs the transformer over a batch, wraps what it emits into envelopes and frames,
/// and appends them to the channel logs, one lock per channel and batch.
///
/// Thread: consumer.
final class RouteRunner: EnvelopeSink {
    private final class Output {
        let log: ChannelLog
        let prefix: [UInt8]
        var staging = FrameStaging()
        init(log: ChannelLog, prefix: [UInt8]) {
            self.log = log
            self.prefix = prefix
        }
    }

    private static let noRecord: Int64 = -1

    private let route: Route
    private let transformer: any Transformer
    private let outputs: [Output]
    private let maximumRecordBytes: Int
    private let observe: RejectionObserver
    private var limiter = ReportLimiter()
    /// `,"timestamp":"…"}`: the same for all envelopes of a batch.
    private var suffix: [UInt8]
    private let timestampIndex: Int
    private var accepted: [Record] = []

    private var topic = ""
    private var now: Int64 = 0
    private var routed = 0
    private var filtered = 0
    private var envelopes = 0
    /// The last record that was emitted: a record may become several envelopes and counts once.
    private var lastOffset = noRecord
    private var lastPartition: Int32 = -1

    init(route: Route, table: RouteTable, observe: @escaping RejectionObserver) {
        self.route = route
        self.transformer = route.makeTransformer()
        self.maximumRecordBytes = table.maximumRecordBytes
        self.observe = observe
        self.outputs = route.channels.compactMap { name in
            table.logs[name].map { log in
                Output(
                    log: log,
                    prefix: Array(
                        "{\"type\":\(JSONLiteral.quoted(route.type)),\"channel\":\(JSONLiteral.quoted(name)),\"data\":".utf8))
            }
        }
        let lead = Array(",\"timestamp\":\"".utf8)
        self.timestampIndex = lead.count
        self.suffix = lead + [UInt8](repeating: 0, count: Timestamp.size) + Array("\"}".utf8)
    }

    /// Runs the batch and adds the logs that have news to `changed`.
    func run(_ batch: borrowing RecordBatch, nowMilliseconds: Int64, changed: inout [ChannelLog]) {
        topic = batch.topic
        now = nowMilliseconds
        routed = 0
        filtered = 0
        envelopes = 0
        lastOffset = Self.noRecord
        suffix.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { Timestamp.write(nowMilliseconds, to: base + timestampIndex) }
        }
        if batch.records.allSatisfy(isRoutable) {
            transformer.transform(batch, into: EnvelopeWriter(self))
        } else {
            transformRoutable(batch)
        }
        for output in outputs where !output.staging.isEmpty {
            output.log.append(output.staging)
            output.staging.removeAll()
            changed.append(output.log)
        }
        route.counters.add(recordsIn: batch.records.count, routed: routed, filtered: filtered, envelopes: envelopes)
    }

    private func isRoutable(_ record: Record) -> Bool {
        guard let value = record.value else { return false }
        return value.count <= maximumRecordBytes
    }

    private func transformRoutable(_ batch: borrowing RecordBatch) {
        accepted.removeAll(keepingCapacity: true)
        for record in batch.records {
            if isRoutable(record) {
                accepted.append(record)
            } else if record.value == nil {
                reject(record, .tombstone)
            } else {
                reject(
                    record,
                    Rejection(
                        code: "too_large",
                        explanation: "the value is larger than kafka.max_record (\(maximumRecordBytes) bytes)"))
            }
        }
        accepted.withUnsafeBufferPointer { records in
            guard !records.isEmpty else { return }
            transformer.transform(RecordBatch(topic: topic, records: records), into: EnvelopeWriter(self))
        }
        accepted.removeAll(keepingCapacity: true)
    }

    // MARK: EnvelopeSink

    func emit(_ record: Record, data: UnsafeRawBufferPointer) {
        suffix.withUnsafeBytes { suffix in
            for output in outputs {
                output.staging.append(prefix: output.prefix, data: data, suffix: suffix)
            }
        }
        envelopes += outputs.count
        if record.recordOffset != lastOffset || record.partition != lastPartition {
            routed += 1
            lastOffset = record.recordOffset
            lastPartition = record.partition
        }
    }

    func reject(_ record: Record, _ rejection: Rejection) {
        route.counters.addRejected(code: rejection.code)
        guard let unreported = limiter.admit(nowMilliseconds: now) else { return }
        observe(
            RejectedRecord(
                route: route.name, topic: topic, partition: record.partition, recordOffset: record.recordOffset,
                rejection: rejection, unreported: unreported))
    }

    func filter(_ record: Record) { filtered += 1 }
}
