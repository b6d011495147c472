import PatchbayAPI

/// One route on one consumer thread: runs its transformers over a batch, wraps what they emit into envelopes and frames,
/// and appends them to the channel logs, one lock per channel and batch.
///
/// Thread: consumer.
final class RouteRunner: EnvelopeSink {
    private static let noRecord: Int64 = -1

    let route: Route
    private let chain: TransformChain
    private let outputs: RouteOutputs
    private let maxRecord: Int
    private let observe: RejectionObserver
    private let letters: LetterBox?
    private var limiter = ReportLimiter()
    /// `,"timestamp":"…"}`: the same for all envelopes of a batch.
    /// Sound: ours alone, written at the start of a batch, freed with us.
    private let suffix: UnsafeMutableRawBufferPointer
    private let timestampIndex: Int
    private var accepted: [Record] = []
    /// What stands in place of the data when something was deleted.
    private var deletion: [UInt8] = []

    private var topic = ""
    private var time = BatchTime(wall: 0, monotonic: 0)
    /// The batch as it came, for dead letters. Set while it is processed.
    private var original = UnsafeBufferPointer<Record>(start: nil, count: 0)
    private var routed = 0
    private var rejected = 0
    private var ignored = 0
    private var envelopes = 0
    /// The last record that was emitted: a record may become several envelopes and counts once.
    private var lastOffset = noRecord
    private var lastPartition: Int32 = -1
    private var lastTopic: Int32 = -1
    /// Records that steps held when the last batch was through.
    private var heldBefore = 0
    /// The refused record that comes first in this batch, of a route that stops on errors.
    private var firstRefused: Refused?
    /// Whether one was refused: what comes behind it is forgotten anyway and must make no channels.
    private var isStopping = false

    /// A record that made its route stop.
    struct Refused {
        /// Its place in the batch.
        var index: Int
        var record: RejectedRecord
    }

    init(
        route: Route, table: RouteTable, directory: ChannelDirectory, pool: StagingPool, letters: LetterBox?,
        observe: @escaping RejectionObserver
    ) {
        self.route = route
        self.chain = TransformChain(route)
        self.outputs = RouteOutputs(route: route, directory: directory, pool: pool)
        self.maxRecord = table.maxRecord[ByteString(route.cluster)] ?? RouteTable.standardMaxRecord
        self.letters = letters
        self.observe = observe
        let lead = Array(",\"timestamp\":\"".utf8)
        self.timestampIndex = lead.count
        let text = lead + [UInt8](repeating: 0, count: Timestamp.size) + Array("\"}".utf8)
        self.suffix = .allocate(byteCount: text.count, alignment: 1)
        suffix.copyBytes(from: text)
    }

    deinit { suffix.deallocate() }

    /// Runs the batch. What comes of it is gathered; `commit` or `discard` has to follow.
    ///
    /// - Returns: the refused record that comes first in the batch, `nil` when none was refused. Only for routes that stop
    ///   on errors, which count it when they `halt`; the others have dealt with it.
    func run(_ batch: borrowing RecordBatch, _ time: BatchTime) -> Refused? {
        topic = batch.topic
        original = batch.records
        defer { original = UnsafeBufferPointer(start: nil, count: 0) }
        begin(time)
        if batch.records.allSatisfy(isRoutable) {
            chain.run(batch, time, into: self)
        } else {
            transformRoutable(batch)
        }
        return firstRefused
    }

    private func begin(_ time: BatchTime) {
        self.time = time
        routed = 0
        rejected = 0
        ignored = 0
        envelopes = 0
        lastOffset = Self.noRecord
        lastPartition = -1
        lastTopic = -1
        firstRefused = nil
        isStopping = false
        if let base = suffix.baseAddress { Timestamp.write(time.wall, to: base + timestampIndex) }
    }

    /// Whether a transformer wants to be told of time, or holds what it must not hold for ever.
    var wantsTicks: Bool { chain.wantsTicks }

    /// Lets transformers emit what waits for time, and appends it.
    func tick(_ time: BatchTime, changed: inout [ChannelLog]) {
        begin(time)
        chain.tick(time, into: self)
        commit(count: 0, changed: &changed)
    }

    // MARK: Held records

    /// Whether its transformers may hold records.
    var mayHold: Bool { chain.mayHold }

    /// Has transformers give out what they hold, and appends it.
    ///
    /// - Parameter isLast: whether the route is gone, so that what they keep all the same is never given out.
    func flush(_ time: BatchTime, isLast: Bool, changed: inout [ChannelLog]) {
        guard chain.mayHold else { return }
        begin(time)
        chain.flush(time, into: self)
        if isLast { chain.abandon() }
        commit(count: 0, changed: &changed)
    }

    func holdsRecords(of topic: String) -> Bool { chain.holdsRecords(of: topic) }

    /// By partition, the lowest offsets of a topic that transformers hold.
    func lowestHeld(of topic: String, _ take: (_ partition: Int32, _ offset: Int64) -> Void) {
        chain.lowestHeld(of: topic, take)
    }

    /// Forgets what is held of a partition that is another member's now.
    func forget(_ topic: String, partition: Int32) {
        chain.forget(topic, partition: partition)
        let held = chain.heldCount
        route.counters.addHeld(held - heldBefore)
        heldBefore = held
    }

    /// Appends what `run` gathered to the logs and counts it.
    func commit(count: Int, changed: inout [ChannelLog]) {
        outputs.commit(monotonicMilliseconds: time.monotonic, changed: &changed)
        let held = chain.heldCount
        let abandoned = chain.takeAbandoned()
        // Each record that came, or was held before, is accounted for in one of these ways.
        let filtered = count + heldBefore - held - abandoned - routed - rejected - ignored
        if held != heldBefore || abandoned > 0 { route.counters.addHeld(held - heldBefore, abandoned: abandoned) }
        heldBefore = held
        route.counters.add(
            recordsIn: count, routed: routed, filtered: max(0, filtered), tombstonesIgnored: ignored, envelopes: envelopes)
    }

    /// Forgets what `run` gathered; the records will come again.
    func discard() { outputs.discard() }

    private func isRoutable(_ record: Record) -> Bool {
        guard let value = record.value else { return false }
        return value.count <= maxRecord
    }

    private func transformRoutable(_ batch: borrowing RecordBatch) {
        accepted.removeAll(keepingCapacity: true)
        for record in batch.records {
            if isRoutable(record) || record.value == nil && route.tombstones == .message {
                accepted.append(record)
            } else if record.value == nil, route.tombstones == .ignore {
                ignored += 1
            } else {
                reject(record, Self.unroutable(record, maxRecord: maxRecord))
            }
        }
        accepted.withUnsafeBufferPointer { records in
            guard !records.isEmpty else { return }
            chain.run(RecordBatch(topic: topic, records: records), time, into: self)
        }
        accepted.removeAll(keepingCapacity: true)
    }

    /// Why a record reaches no transformer.
    static func unroutable(_ record: Record, maxRecord: Int) -> Rejection {
        guard record.value != nil else { return .tombstone }
        return Rejection(
            code: "too_large",
            explanation: "the value is larger than kafka.max_record (\(maxRecord) bytes)")
    }

    // MARK: EnvelopeSink

    func emit(_ record: Record, data: UnsafeRawBufferPointer) { append(record, data: data, fields: data) }

    func emitTombstone(_ record: Record) {
        if let rejection = Deletion.write(key: record.key, to: &deletion) { return reject(record, rejection) }
        deletion.withUnsafeBytes { append(record, data: $0, fields: nil) }
    }

    /// - Parameter fields: what templates find their fields in; `nil` when there are none.
    @inline(__always)
    private func append(_ record: Record, data: UnsafeRawBufferPointer, fields: UnsafeRawBufferPointer?) {
        guard !isStopping else { return }
        let suffix = UnsafeRawBufferPointer(suffix)
        let count =
            outputs.hasTemplates
            ? outputs.append(record, topic: name(ofTopic: record), data: data, fields: fields, suffix: suffix) { refuse(record, $0) }
            : outputs.appendPlain(record, data: data, suffix: suffix)
        guard count > 0 else {
            rejected += 1
            return
        }
        envelopes += count
        if record.recordOffset != lastOffset || record.partition != lastPartition || record.heldTopic != lastTopic {
            routed += 1
            lastOffset = record.recordOffset
            lastPartition = record.partition
            lastTopic = record.heldTopic
        }
    }

    /// The topic that a record is from: the batch's own, or that of one that was held.
    @inline(__always)
    private func name(ofTopic record: Record) -> String {
        record.heldTopic < 0 ? topic : chain.name(ofTopic: record.heldTopic)
    }

    func reject(_ record: Record, _ rejection: Rejection) {
        rejected += 1
        refuse(record, rejection)
    }

    func filter(_ record: Record, because reason: FilterReason) {}

    func hold(_ record: Record) -> HeldRecord { chain.hold(record) }

    func release(_ held: HeldRecord) { chain.release(held) }

    private func refuse(_ record: Record, _ rejection: Rejection) {
        let report = RejectedRecord(
            route: route.name, topic: name(ofTopic: record), partition: record.partition, recordOffset: record.recordOffset,
            rejection: rejection, unreported: 0)
        guard !route.stopsOnError else { return note(report) }
        route.counters.addRejected(code: rejection.code)
        if case .deadLetter(let topic) = route.onError { writeDeadLetter(report, of: record, to: topic) }
        tell(report)
    }

    /// Remembers what may make the route stop. A step sees the whole batch before the next one does, so the first
    /// refusal need not be that of the first record.
    private func note(_ report: RejectedRecord) {
        isStopping = true
        let before = original.prefix(firstRefused?.index ?? original.count)
        guard
            let index = before.firstIndex(where: {
                $0.recordOffset == report.recordOffset && $0.partition == report.partition
            })
        else { return }
        firstRefused = Refused(index: index, record: report)
    }

    /// The route stops at this record.
    func halt(at refused: Refused, _ time: BatchTime) {
        self.time = time
        route.counters.addRejected(code: refused.record.rejection.code)
        route.counters.halted(at: refused.record)
        tell(refused.record)
    }

    private func tell(_ report: RejectedRecord) {
        guard limiter.admit(monotonicMilliseconds: time.monotonic) else {
            return route.counters.holdBackReport(code: report.rejection.code)
        }
        var report = report
        report.unreported = route.counters.takeHeldBackReports(code: report.rejection.code)
        observe(report)
    }

    private func writeDeadLetter(_ report: RejectedRecord, of refused: Record, to topic: String) {
        guard let letters else { return }
        // One that was held is there as the step that held it has kept it.
        guard refused.heldTopic < 0 else { return letters.write(refused, refused: report, to: topic, countedBy: route.counters) }
        // As it came from Kafka: a step of the chain may have refused what an earlier step made of it.
        let record = original.first { $0.recordOffset == report.recordOffset && $0.partition == report.partition }
        if let record { letters.write(record, refused: report, to: topic, countedBy: route.counters) }
    }
}
