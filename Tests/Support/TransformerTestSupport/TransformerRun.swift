import PatchbayAPI

/// What a transformer did with one record.
public enum RecordOutcome: Equatable, Sendable, CustomStringConvertible {
    case data(String)
    case rejected(Rejection)
    case filtered

    public var description: String {
        switch self {
        case .data(let text): text
        case .rejected(let rejection):
            "rejected: \(rejection.code) \(rejection.field ?? "-"): \(rejection.explanation)"
        case .filtered: "filtered"
        }
    }

    /// The same as examples put it.
    public var example: TransformerExample.Outcome {
        switch self {
        case .data(let text): .data(text)
        case .rejected(let rejection): .rejected(code: rejection.code, field: rejection.field)
        case .filtered: .filtered
        }
    }

    public var rejection: Rejection? {
        if case .rejected(let rejection) = self { rejection } else { nil }
    }
}

/// Remembers every outcome, in order.
public final class CollectingSink: EnvelopeSink {
    public private(set) var outcomes: [(recordOffset: Int64, outcome: RecordOutcome)] = []

    public init() {}

    public func emit(_ record: Record, data: UnsafeRawBufferPointer) {
        outcomes.append((record.recordOffset, .data(String(decoding: data, as: UTF8.self))))
    }

    public func reject(_ record: Record, _ rejection: Rejection) {
        outcomes.append((record.recordOffset, .rejected(rejection)))
    }

    public func filter(_ record: Record, because reason: FilterReason) { outcomes.append((record.recordOffset, .filtered)) }

    /// Records that are held and not released.
    public private(set) var held: [HeldRecord] = []

    public func hold(_ record: Record) -> HeldRecord {
        let place = HeldRecord(topic: 0, partition: record.partition, recordOffset: record.recordOffset)
        held.append(place)
        return place
    }

    /// Counts as left out unless something was emitted for it.
    public func release(_ place: HeldRecord) {
        guard let index = held.firstIndex(of: place) else { return }
        held.remove(at: index)
        if !outcomes.contains(where: { $0.recordOffset == place.recordOffset }) { outcomes.append((place.recordOffset, .filtered)) }
    }
}

/// Counts outcomes without allocating.
public final class CountingSink: EnvelopeSink {
    public private(set) var emitted = 0
    public private(set) var rejected = 0
    public private(set) var filtered = 0

    public init() {}

    public func emit(_ record: Record, data: UnsafeRawBufferPointer) { emitted += 1 }
    public func reject(_ record: Record, _ rejection: Rejection) { rejected += 1 }
    public func filter(_ record: Record, because reason: FilterReason) { filtered += 1 }
}

/// A batch of records that own their values.
public final class OwnedBatch {
    private let values: [UnsafeMutableRawBufferPointer?]
    private let key: UnsafeMutableRawBufferPointer?
    private let records: [Record]

    /// `nil` makes a tombstone.
    ///
    /// - Parameters:
    ///   - key: of every record.
    ///   - offset: of the first record.
    public init(_ values: [[UInt8]?], key: [UInt8]? = nil, from offset: Int64 = 0, timestampMilliseconds: Int64 = -1) {
        // Each value gets memory of exactly its size, so that a sanitizer sees any read beyond its end.
        func copied(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
            memory.copyBytes(from: bytes)
            return memory
        }
        self.values = values.map { $0.map(copied) }
        let key = key.map(copied)
        self.key = key
        records = self.values.enumerated().map { index, memory in
            Record(
                partition: 0, recordOffset: offset + Int64(index), timestampMilliseconds: timestampMilliseconds,
                key: key.map { UnsafeRawBufferPointer($0) },
                value: memory.map { UnsafeRawBufferPointer($0) })
        }
    }

    deinit {
        for memory in values { memory?.deallocate() }
        key?.deallocate()
    }

    public func run(_ transformer: any Transformer, into sink: any EnvelopeSink) {
        records.withUnsafeBufferPointer {
            transformer.transform(RecordBatch(topic: "test", records: $0), into: EnvelopeWriter(sink))
        }
    }
}

extension TransformerDefinition {
    public func make(_ options: [String: ConfigValue] = [:]) throws(OptionError) -> any Transformer {
        try configure(OptionValues(options, defaultsOf: self.options))()
    }

    /// One outcome per value, in order; anything else is an error of the transformer.
    public func outcomes(
        of values: [[UInt8]?], options: [String: ConfigValue] = [:]
    ) throws -> [RecordOutcome] {
        let sink = CollectingSink()
        OwnedBatch(values).run(try make(options), into: sink)
        let offsets = sink.outcomes.map(\.recordOffset)
        guard offsets == values.indices.map(Int64.init) else { throw UnevenOutcomes(recordOffsets: offsets) }
        return sink.outcomes.map(\.outcome)
    }

    /// What becomes of an example's record, once its time has come, as examples put it.
    public func outcome(of example: TransformerExample) throws -> TransformerExample.Outcome {
        let sink = CollectingSink()
        let transformer = try make(example.options)
        OwnedBatch((example.earlier + [example.input]).map { Array($0.utf8) }).run(transformer, into: sink)
        transformer.flush(into: EnvelopeWriter(sink))
        let last = sink.outcomes.filter { $0.recordOffset == Int64(example.earlier.count) }.map(\.outcome)
        let messages = last.compactMap { if case .data(let text) = $0 { text } else { nil } }
        if messages.count > 1, messages.count == last.count { return .messages(messages) }
        guard sink.held.isEmpty, last.count == 1, let outcome = last.first else {
            throw UnevenOutcomes(recordOffsets: sink.outcomes.map(\.recordOffset))
        }
        return outcome.example
    }

    public func outcome(of text: String, options: [String: ConfigValue] = [:]) throws -> RecordOutcome {
        guard let outcome = try outcomes(of: [Array(text.utf8)], options: options).first else {
            throw UnevenOutcomes(recordOffsets: [])
        }
        return outcome
    }
}

/// A transformer gave not exactly one outcome for each record.
public struct UnevenOutcomes: Error {
    public let recordOffsets: [Int64]
}

extension ConfigValue {
    public static func strings(_ values: String...) -> ConfigValue { .list(values.map { .string($0) }) }
}
