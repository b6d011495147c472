import PatchbayAPI
import Synchronization

@testable import PatchbayCore

/// Finds top-level members of flat objects whose values are plain strings or numbers: enough for tests of templates,
/// without the JSON parser that this target must not know.
final class FlatReader: FieldReader {
    private let names: [String]

    init(_ paths: [FieldPath]) { names = paths.map(\.text) }

    func read(_ data: UnsafeRawBufferPointer, _ take: (Int, FoundField) -> Void) -> Bool {
        let text = String(decoding: data, as: UTF8.self).dropFirst().dropLast()
        let members = text.split(separator: ",").map { $0.split(separator: ":", maxSplits: 1).map(String.init) }
        for (index, name) in names.enumerated() {
            let value = members.first { $0.count == 2 && $0[0] == "\"\(name)\"" }?[1].filter { $0 != "\"" }
            if let value { Array(value.utf8).withUnsafeBytes { take(index, .text($0)) } } else { take(index, .missing) }
        }
        return true
    }
}

/// Adds a mark to the end of every value, and refuses those that hold its refusal.
final class Marking: Transformer {
    private let mark: String
    private let refused: String?

    init(_ mark: String, refusing refused: String? = nil) {
        self.mark = mark
        self.refused = refused
    }

    func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        for record in batch.records {
            let text = record.value.map { String(decoding: $0, as: UTF8.self) } ?? ""
            if let refused, text.contains(refused) {
                output.reject(record, Rejection(code: "refused", explanation: "it has \(refused)"))
            } else {
                Array((text + mark).utf8).withUnsafeBytes { output.emit(record, data: $0) }
            }
        }
    }
}

extension Route {
    static func make(
        _ name: String = "r", cluster: String = "default", topics: [TopicSelector] = [.name("t")],
        steps: [@Sendable () -> any Transformer] = [{ MarkTransformer() }], type: String = "note",
        channels: [String] = ["one"], templateLimits: TemplateLimits = .init(), onError: ErrorPolicy = .skip,
        tombstones: TombstonePolicy = .ignore, takesTombstones: Set<Int> = [], holdsRecords: Bool = false,
        counters: RouteCounters = RouteCounters()
    ) -> Route {
        Route(
            name: name, cluster: cluster, topics: topics,
            steps: steps.enumerated().map {
                Step(
                    transformer: "step", takesTombstones: takesTombstones.contains($0.offset), holdsRecords: holdsRecords, make: $0.element)
            }, type: type,
            channels: channels.map { (try? ChannelTemplate($0)) ?? ChannelTemplate(plain: $0) },
            templateLimits: templateLimits, onError: onError, tombstones: tombstones, makeFieldReader: { FlatReader($0) },
            counters: counters)
    }
}

extension RoutingHub {
    /// Makes its plain channels hold what is appended from now on, as if an event loop had subscribers and never came.
    func holding() -> RoutingHub {
        for log in plainLogs where !log.isHeldByTest { _ = log.attach(loop: ChannelLog.testLoop) }
        return self
    }

    /// What is held of a channel: the texts of its messages' data.
    func data(of channel: String) -> [String] {
        guard let log = log(ofChannel: channel) else { return [] }
        return payloads(log.read(from: 0, maxBytes: .max).slices).map(dataOf)
    }
}

/// The `data` of an envelope's text.
func dataOf(_ envelope: String) -> String {
    guard let start = envelope.firstRange(of: "\"data\":"), let end = envelope.firstRange(of: ",\"timestamp\"") else {
        return envelope
    }
    return String(envelope[start.upperBound..<end.lowerBound])
}

/// Keeps what it is given; the test decides what becomes of it.
final class FakeDeadLetters: DeadLetterWriter {
    struct Letter: Equatable {
        var value: String?
        var topic: String
        var offset: Int64
        var code: String
    }

    private(set) var letters: [Letter] = []
    private var undecided: [@Sendable (DeadLetterFate) -> Void] = []
    /// What becomes of letters as they are written; `nil` leaves them undecided.
    var fate: DeadLetterFate? = .written

    func write(
        _ record: Record, refused: RejectedRecord, to topic: String, decided: @escaping @Sendable (DeadLetterFate) -> Void
    ) {
        letters.append(
            Letter(
                value: record.value.map { String(decoding: $0, as: UTF8.self) }, topic: topic,
                offset: record.recordOffset, code: refused.rejection.code))
        if let fate { decided(fate) } else { undecided.append(decided) }
    }

    /// The delivery report of the oldest letter that is undecided.
    func decide(_ fate: DeadLetterFate) { undecided.removeFirst()(fate) }

    private(set) var tended = 0

    func tend() { tended += 1 }

    func obstacle(since: ContinuousClock.Instant) -> String? { "no broker" }
}

extension ChannelLog {
    /// The index of a loop that is none.
    static let testLoop = 63

    /// Appends texts as a batch.
    func append(_ texts: [String]) {
        var staging = FrameStaging()
        for text in texts {
            Array(text.utf8).withUnsafeBytes {
                staging.append(prefix: .init(start: nil, count: 0), data: $0, suffix: .init(start: nil, count: 0))
            }
        }
        append(staging)
    }

    /// Whether `Router.holding` was here before: such a loop has taken nothing.
    var isHeldByTest: Bool { !isUnused }
}

/// What consumer threads told.
final class Collected<Item: Sendable>: Sendable {
    private let items = Mutex<[Item]>([])
    func add(_ item: Item) { items.withLock { $0.append(item) } }
    var all: [Item] { items.withLock { $0 } }
}
