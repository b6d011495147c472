import PatchbayAPI

/// The transformers of one route on one consumer thread, each fed with what the one before emitted, a batch at a time.
///
/// It keeps the offsets of what its steps hold; see docs/decisions/0081-held-records.md.
///
/// Thread: consumer.
final class TransformChain {
    private let steps: [any Transformer]
    /// Steps that tombstones go past; empty when none can be among the records.
    private let avoidsTombstones: [Bool]
    /// One between each two steps.
    private let stages: [StepOutput]
    /// Steps that want to be told of time. Milliseconds of the monotonic clock.
    private var ticking: [(index: Int, interval: Int64, due: Int64)]
    /// What each step holds; empty when none ever will.
    private var held: [HeldOffsets]
    private let limits: HeldOffsets.Limits
    /// Records that a step held for too long, or when its route went.
    private var abandoned = 0
    /// Topics of held records, by number.
    private var topics: [String] = []
    /// The step that runs.
    private var current = 0
    /// Of the batch in hand, or the last one.
    private var topic = ""
    /// Its number, once something of it was held.
    private var topicNumber: Int32?
    /// When the batch in hand came. Milliseconds of the monotonic clock.
    private var now: Int64 = 0

    init(
        _ route: Route, limits: HeldOffsets.Limits = HeldOffsets.Limits(),
        monotonicMilliseconds now: Int64 = MonotonicTime.nowMilliseconds()
    ) {
        let steps = route.steps.map { $0.make() }
        for (step, declared) in zip(steps, route.steps) {
            guard let plugin = declared.plugin, let step = step as? any PluginStep else { continue }
            step.begin(on: route.name, countingInto: route.counters.plugin(plugin.transformer))
        }
        self.steps = steps
        self.limits = limits
        avoidsTombstones = route.tombstones == .message ? route.steps.map { !$0.takesTombstones } : []
        held = route.steps.contains(where: \.holdsRecords) ? steps.map { _ in HeldOffsets() } : []
        stages = steps.dropLast().map { _ in StepOutput() }
        ticking = steps.indices.compactMap { index in
            guard let wanted = steps[index].tickInterval else { return nil }
            let interval = Int64(wanted / .milliseconds(1))
            return (index, interval, now + interval)
        }
    }

    /// Whether a step wants to be told of time, or may hold records, which it must not do for ever.
    var wantsTicks: Bool { !ticking.isEmpty || mayHold }

    /// Tells the steps that are due what time it is, and runs what they emit through the steps behind them.
    func tick(_ time: BatchTime, into sink: any EnvelopeSink) {
        now = time.monotonic
        for place in ticking.indices where ticking[place].due <= time.monotonic {
            let index = ticking[place].index
            ticking[place].due = time.monotonic + ticking[place].interval
            run(index, into: sink) { $0.tick(nowMilliseconds: time.wall, into: $1) }
        }
        flushExcess(into: sink)
    }

    /// Runs the batch through all steps; what is left of it ends in `sink`, and so does every rejection.
    func run(_ batch: borrowing RecordBatch, _ time: BatchTime, into sink: any EnvelopeSink) {
        now = time.monotonic
        topic = batch.topic
        topicNumber = nil
        guard !steps.isEmpty else { return }
        if let stage = stages.first {
            stage.collect(for: sink) { transform(batch, at: 0, into: stage) }
            goOn(behind: 0, into: sink)
        } else {
            transform(batch, at: 0, into: sink)
        }
        flushExcess(into: sink)
    }

    /// Hands what a step has emitted to those behind it.
    private func goOn(behind step: Int, into sink: any EnvelopeSink) {
        for index in step + 1..<steps.count {
            let isLast = index == steps.count - 1
            stages[index - 1].withRecords { records in
                guard !records.isEmpty else { return }
                let batch = RecordBatch(topic: topic, records: records)
                if isLast {
                    transform(batch, at: index, into: sink)
                } else {
                    stages[index].collect(for: sink) { transform(batch, at: index, into: stages[index]) }
                }
            }
            if !isLast, stages[index].isEmpty { break }
        }
        for stage in stages { stage.removeAll() }
    }

    /// Has a step do something that isn't about a batch, and hands what it emits to those behind it.
    private func run(_ index: Int, into sink: any EnvelopeSink, _ body: (any Transformer, EnvelopeWriter) -> Void) {
        current = index
        guard index < stages.count else { return body(steps[index], EnvelopeWriter(sink)) }
        stages[index].collect(for: sink) { body(steps[index], EnvelopeWriter(stages[index])) }
        goOn(behind: index, into: sink)
    }

    // MARK: One step

    /// Hands a batch to one step: in parts of one topic, when there are records among it that were held.
    private func transform(_ batch: borrowing RecordBatch, at index: Int, into sink: any EnvelopeSink) {
        current = index
        guard mayHold else { return transformValues(of: batch, at: index, into: sink) }
        var start = 0
        while start < batch.records.count {
            let number = batch.records[start].heldTopic
            var end = start + 1
            while end < batch.records.count, batch.records[end].heldTopic == number { end += 1 }
            let records = UnsafeBufferPointer(rebasing: batch.records[start..<end])
            transformValues(of: RecordBatch(topic: name(ofTopic: number), records: records), at: index, into: sink)
            start = end
        }
    }

    /// Hands a batch to one step, or, where tombstones must not come to it, the records between them: each tombstone goes
    /// past the step in its place, so that a deletion is never overtaken by what came before it.
    private func transformValues(of batch: borrowing RecordBatch, at index: Int, into sink: any EnvelopeSink) {
        let records = batch.records
        guard avoidsTombstones.indices.contains(index), avoidsTombstones[index], records.contains(where: { $0.value == nil }) else {
            return steps[index].transform(batch, into: EnvelopeWriter(sink))
        }
        var rest = records[...]
        while let place = rest.firstIndex(where: { $0.value == nil }) {
            transform(rest[..<place], at: index, into: sink)
            sink.emitTombstone(rest[place])
            rest = rest[(place + 1)...]
        }
        transform(rest, at: index, into: sink)
    }

    /// Hands on a part of a batch. The topic is looked up by the records: the optimiser of Swift 6.3.1 crashes where a batch is made with
    /// a string that is a parameter.
    private func transform(_ records: Slice<UnsafeBufferPointer<Record>>, at index: Int, into sink: any EnvelopeSink) {
        guard let first = records.first else { return }
        let batch = RecordBatch(topic: name(ofTopic: first.heldTopic), records: UnsafeBufferPointer(rebasing: records))
        steps[index].transform(batch, into: EnvelopeWriter(sink))
    }

    // MARK: Held records

    /// Whether a step may hold records.
    var mayHold: Bool { !held.isEmpty }

    /// Records that steps hold now.
    var heldCount: Int { held.reduce(0) { $0 + $1.count } }

    /// The step that runs keeps this record.
    func hold(_ record: Record) -> HeldRecord {
        let number = record.heldTopic >= 0 ? record.heldTopic : numberOfTopic()
        let place = HeldRecord(topic: number, partition: record.partition, recordOffset: record.recordOffset)
        if mayHold { held[current].hold(place, bytes: (record.key?.count ?? 0) + (record.value?.count ?? 0), at: now) }
        return place
    }

    /// The step that runs has done with this record.
    func release(_ record: HeldRecord) { if mayHold { held[current].release(record) } }

    /// Has every step give out what it holds.
    func flush(_ time: BatchTime, into sink: any EnvelopeSink) {
        now = time.monotonic
        for index in held.indices where held[index].count > 0 { run(index, into: sink) { $0.flush(into: $1) } }
    }

    /// Has steps that hold too much give it out; what they keep all the same is given up.
    private func flushExcess(into sink: any EnvelopeSink) {
        for index in held.indices where held[index].exceeds(limits, at: now) {
            run(index, into: sink) { $0.flush(into: $1) }
            if held[index].exceeds(limits, at: now) { abandoned += held[index].removeAll() }
        }
    }

    /// Gives up what steps hold.
    func abandon() { for index in held.indices { abandoned += held[index].removeAll() } }

    /// How many records were given up since the last time.
    func takeAbandoned() -> Int {
        defer { abandoned = 0 }
        return abandoned
    }

    func holdsRecords(of topic: String) -> Bool {
        guard let number = topics.firstIndex(where: { $0.hasSameBytes(as: topic) }) else { return false }
        return held.contains { $0.holds(topic: Int32(number)) }
    }

    /// By partition, the lowest offsets of a topic that steps hold, once for each step that does.
    func lowestHeld(of topic: String, _ take: (_ partition: Int32, _ offset: Int64) -> Void) {
        guard let number = topics.firstIndex(where: { $0.hasSameBytes(as: topic) }) else { return }
        for step in held { step.lowest(ofTopic: Int32(number), take) }
    }

    /// Forgets what is held of a partition that is another member's now.
    func forget(_ topic: String, partition: Int32) {
        guard let number = topics.firstIndex(where: { $0.hasSameBytes(as: topic) }) else { return }
        for index in held.indices { held[index].removeAll(topic: Int32(number), partition: partition) }
    }

    /// The topic of a record by its number; the batch's own for a record that wasn't held.
    func name(ofTopic number: Int32) -> String { topics.indices.contains(Int(number)) ? topics[Int(number)] : topic }

    private func numberOfTopic() -> Int32 {
        if let topicNumber { return topicNumber }
        let number = topics.firstIndex { $0.hasSameBytes(as: topic) } ?? topics.count
        if number == topics.count { topics.append(topic) }
        topicNumber = Int32(number)
        return Int32(number)
    }
}

/// What one step emits, gathered as the records of the next.
///
/// Thread: consumer.
private final class StepOutput: EnvelopeSink {
    private struct Piece {
        let record: Record
        /// In the arena; `nil` when the step passed the record's own bytes on.
        let range: Range<Int>?
        /// Of a record that was held, whose bytes are the step's own: in the arena.
        var key: Range<Int>?
    }

    private var arena = ByteArena()
    private var pieces: [Piece] = []
    private var records: [Record] = []
    /// Takes what does not go on to the next step. Set while the step runs.
    private var outcome: (any EnvelopeSink)?

    var isEmpty: Bool { pieces.isEmpty }

    func collect(for sink: any EnvelopeSink, _ body: () -> Void) {
        outcome = sink
        defer { outcome = nil }
        body()
    }

    func withRecords(_ body: (UnsafeBufferPointer<Record>) -> Void) {
        // The arena stays as it is until `removeAll`, when no later step needs these records any more.
        let bytes = arena.bytes
        records.removeAll(keepingCapacity: true)
        for piece in pieces {
            let value = piece.range.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }
            if let key = piece.key {
                records.append(piece.record.with(key: UnsafeRawBufferPointer(rebasing: bytes[key]), value: value))
            } else if let value {
                records.append(piece.record.with(value: value))
            } else {
                records.append(piece.record)
            }
        }
        records.withUnsafeBufferPointer(body)
        records.removeAll(keepingCapacity: true)
    }

    func removeAll() {
        arena.removeAll()
        pieces.removeAll(keepingCapacity: true)
    }

    // MARK: EnvelopeSink

    func emit(_ record: Record, data: UnsafeRawBufferPointer) {
        if let value = record.value, value.baseAddress == data.baseAddress, value.count == data.count, record.heldTopic < 0 {
            pieces.append(Piece(record: record, range: nil))
        } else {
            pieces.append(Piece(record: record, range: keep(data), key: keyToKeep(of: record)))
        }
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) -> Range<Int> {
        let start = arena.count
        arena.append(bytes)
        return start..<arena.count
    }

    private func keyToKeep(of record: Record) -> Range<Int>? { record.heldTopic < 0 ? nil : record.key.map(keep) }

    func emitTombstone(_ record: Record) {
        pieces.append(Piece(record: record.with(value: nil), range: nil, key: keyToKeep(of: record)))
    }

    func reject(_ record: Record, _ rejection: Rejection) { outcome?.reject(record, rejection) }

    func filter(_ record: Record, because reason: FilterReason) { outcome?.filter(record, because: reason) }

    func hold(_ record: Record) -> HeldRecord {
        outcome?.hold(record) ?? HeldRecord(topic: -1, partition: record.partition, recordOffset: record.recordOffset)
    }

    func release(_ held: HeldRecord) { outcome?.release(held) }
}
