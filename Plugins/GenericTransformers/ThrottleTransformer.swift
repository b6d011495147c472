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
    private let keys: RecordKeyReader
    private let known = KeyTable()
    /// By the number of the key.
    private var windows: [Window] = []
    /// Of all records together.
    private var whole: Window?

    init(_ settings: Settings, clock: SteadyClock = .system) {
        self.settings = settings
        self.clock = clock
        keys = RecordKeyReader(settings.key, loneSurrogates: settings.loneSurrogates)
    }

    /// Keys that it remembers now.
    var count: Int { known.count }

    public func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
        let now = clock.now()
        // In the order in which their intervals began.
        while let oldest = known.oldest, now - windows[oldest].start >= settings.every { known.remove(oldest) }
        let reason = FilterReason(option: "messages", explanation: "so many have passed in this interval already")
        for record in batch.records {
            keys.sort(record, topic: batch.topic, into: output, orLeaveOut: reason) { key in
                if let key { takes(key, at: now) } else { takes(&whole, at: now) }
            }
        }
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

    private func takes(_ key: UnsafeRawBufferPointer, at now: Int64) -> Bool {
        let hash = KeyTable.hash(key)
        if let number = known.find(key, hash: hash) {
            // Its interval isn't over: those whose is were removed.
            guard windows[number].count < settings.messages else { return false }
            windows[number].count += 1
            return true
        }
        if known.count >= settings.keys, let oldest = known.oldest { known.remove(oldest) }
        let number = known.add(key, hash: hash)
        let window = Window(start: now, count: 1)
        if number < windows.count { windows[number] = window } else { windows.append(window) }
        return true
    }
}
