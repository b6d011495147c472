import PatchbayAPI
import PatchbayJSON

/// Passes on so many records per interval and key, and leaves out the others.
///
/// Thread: consumer.
public final class ThrottleTransformer: Transformer {
    struct Settings: Sendable {
        /// `nil` for all records together.
        var key: RecordKey?
        var messages: Int
        var every: Int64
        var keys: Int
        var loneSurrogates: LoneSurrogates
    }

    private struct Window {
        var start: Int64
        var count: Int
    }

    private let settings: Settings
    private let clock: SteadyClock
    private var parser: JSONParser
    private var key: [UInt8] = []
    private let known = KeyTable()
    /// By the number of the key.
    private var windows: [Window] = []
    /// Of all records together.
    private var whole: Window?

    init(_ settings: Settings, clock: SteadyClock = .system) {
        self.settings = settings
        self.clock = clock
        parser = JSONParser(limits: .records, loneSurrogates: settings.loneSurrogates)
    }

    /// Keys that it remembers now.
    var count: Int { known.count }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        let now = clock.now()
        // In the order in which their intervals began.
        while let oldest = known.oldest, now - windows[oldest].start >= settings.every { known.remove(oldest) }
        for record in batch.records { transform(record, topic: batch.topic, at: now, into: output) }
    }

    private func transform(_ record: Record, topic: String, at now: Int64, into output: EnvelopeWriter) {
        guard let value = record.value else { return output.reject(record, .tombstone) }
        guard let template = settings.key else {
            guard takes(&whole, at: now) else { return leaveOut(record, into: output) }
            return pass(record, value, into: output)
        }
        guard template.needsFields else {
            if let rejection = template.write(record, topic: topic, root: nil, to: &key) { return output.reject(record, rejection) }
            // What is left out isn't looked at.
            return takesKey(at: now) ? pass(record, value, into: output) : leaveOut(record, into: output)
        }
        switch parser.read(value, { template.write(record, topic: topic, root: $0, to: &key) }) {
        case .failure(let problem): output.reject(record, problem.rejection)
        case .success(.some(let rejection)): output.reject(record, rejection)
        case .success(.none): if takesKey(at: now) { output.emit(record) } else { leaveOut(record, into: output) }
        }
    }

    private func pass(_ record: Record, _ value: UnsafeRawBufferPointer, into output: EnvelopeWriter) {
        if let problem = parser.validate(value) { return output.reject(record, problem.rejection) }
        output.emit(record)
    }

    private func leaveOut(_ record: Record, into output: EnvelopeWriter) {
        output.filter(
            record, because: FilterReason(option: "messages", explanation: "so many have passed in this interval already"))
    }

    private func takes(_ window: inout Window?, at now: Int64) -> Bool {
        guard var current = window, now - current.start < settings.every else {
            window = Window(start: now, count: 1)
            return true
        }
        guard current.count < settings.messages else { return false }
        current.count += 1
        window = current
        return true
    }

    private func takesKey(at now: Int64) -> Bool {
        key.withUnsafeBytes { bytes in
            let hash = KeyTable.hash(bytes)
            if let number = known.find(bytes, hash: hash) {
                // Its interval isn't over: those whose is were removed.
                guard windows[number].count < settings.messages else { return false }
                windows[number].count += 1
                return true
            }
            if known.count >= settings.keys, let oldest = known.oldest { known.remove(oldest) }
            let number = known.add(bytes, hash: hash)
            let window = Window(start: now, count: 1)
            if number < windows.count { windows[number] = window } else { windows.append(window) }
            return true
        }
    }
}
