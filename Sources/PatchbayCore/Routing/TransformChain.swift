import PatchbayAPI

/// The transformers of one route on one consumer thread, each fed with what the one before emitted, a batch at a time.
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

    init(_ route: Route, monotonicMilliseconds now: Int64 = MonotonicTime.nowMilliseconds()) {
        let steps = route.steps.map { $0.make() }
        self.steps = steps
        avoidsTombstones = route.tombstones == .message ? route.steps.map { !$0.takesTombstones } : []
        stages = steps.dropLast().map { _ in StepOutput() }
        ticking = steps.indices.compactMap { index in
            guard let wanted = steps[index].tickInterval else { return nil }
            let interval = Int64(wanted / .milliseconds(1))
            return (index, interval, now + interval)
        }
    }

    /// Whether a step wants to be told of time.
    var wantsTicks: Bool { !ticking.isEmpty }

    /// Tells the steps that are due what time it is, and runs what they emit through the steps behind them.
    func tick(_ time: BatchTime, topic: String, into sink: any EnvelopeSink) {
        for place in ticking.indices where ticking[place].due <= time.monotonic {
            let index = ticking[place].index
            ticking[place].due = time.monotonic + ticking[place].interval
            guard index < stages.count else {
                steps[index].tick(nowMilliseconds: time.wall, into: EnvelopeWriter(sink))
                continue
            }
            stages[index].collect(for: sink) {
                steps[index].tick(nowMilliseconds: time.wall, into: EnvelopeWriter(stages[index]))
            }
            goOn(behind: index, topic: topic, into: sink)
        }
    }

    /// Runs the batch through all steps; what is left of it ends in `sink`, and so does every rejection.
    func run(_ batch: borrowing RecordBatch, into sink: any EnvelopeSink) {
        guard !steps.isEmpty else { return }
        guard let stage = stages.first else { return transform(batch, at: 0, into: sink) }
        stage.collect(for: sink) { transform(batch, at: 0, into: stage) }
        goOn(behind: 0, topic: batch.topic, into: sink)
    }

    /// Hands a batch to one step, or, where tombstones must not come to it, the records between them: each tombstone goes
    /// past the step in its place, so that a deletion is never overtaken by what came before it.
    private func transform(_ batch: borrowing RecordBatch, at index: Int, into sink: any EnvelopeSink) {
        let step = steps[index]
        guard avoidsTombstones.indices.contains(index), avoidsTombstones[index],
            batch.records.contains(where: { $0.value == nil })
        else { return step.transform(batch, into: EnvelopeWriter(sink)) }
        var start = 0
        for place in batch.records.indices where batch.records[place].value == nil {
            transform(batch, start..<place, by: step, into: sink)
            sink.emitTombstone(batch.records[place])
            start = place + 1
        }
        transform(batch, start..<batch.records.count, by: step, into: sink)
    }

    private func transform(
        _ batch: borrowing RecordBatch, _ range: Range<Int>, by step: any Transformer, into sink: any EnvelopeSink
    ) {
        guard !range.isEmpty else { return }
        let records = UnsafeBufferPointer(rebasing: batch.records[range])
        step.transform(RecordBatch(topic: batch.topic, records: records), into: EnvelopeWriter(sink))
    }

    /// Hands what a step has emitted to those behind it.
    private func goOn(behind step: Int, topic: String, into sink: any EnvelopeSink) {
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
}

/// What one step emits, gathered as the records of the next.
///
/// Thread: consumer.
private final class StepOutput: EnvelopeSink {
    private struct Piece {
        let record: Record
        /// In the arena; `nil` when the step passed the record's own bytes on.
        let range: Range<Int>?
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
            if let range = piece.range {
                records.append(piece.record.with(value: UnsafeRawBufferPointer(rebasing: bytes[range])))
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
        if let value = record.value, value.baseAddress == data.baseAddress, value.count == data.count {
            pieces.append(Piece(record: record, range: nil))
        } else {
            let start = arena.count
            arena.append(data)
            pieces.append(Piece(record: record, range: start..<arena.count))
        }
    }

    func emitTombstone(_ record: Record) { pieces.append(Piece(record: record.with(value: nil), range: nil)) }

    func reject(_ record: Record, _ rejection: Rejection) { outcome?.reject(record, rejection) }

    func filter(_ record: Record, because reason: FilterReason) { outcome?.filter(record, because: reason) }
}
