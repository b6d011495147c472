import PatchbayCore
import PatchbaySettings

/// Measures and evaluates again and again.
struct AlertLoop: Sendable {
    private let settings: AlertSettings
    private let board: AlertBoard
    private let interval: Duration
    private let clock: AlertClock
    private let measure: @Sendable () async -> [TopicMeasurement]

    /// - Parameters:
    ///   - interval: between evaluations, longer than zero.
    ///   - measure: all topics as they are now. Called on the loop's task, one call at a time.
    init(
        settings: AlertSettings = AlertSettings(), board: AlertBoard, interval: Duration = .seconds(1),
        clock: AlertClock = .system, measure: @escaping @Sendable () async -> [TopicMeasurement]
    ) {
        self.settings = settings
        self.board = board
        self.interval = max(.milliseconds(1), interval)
        self.clock = clock
        self.measure = measure
    }

    /// Runs until the task is cancelled. Alerts that hold then stay on the board: that they are no longer checked doesn't
    /// mean that all is well.
    func run() async {
        var monitor = LagMonitor(settings: settings)
        while !Task.isCancelled {
            let measurements = await measure()
            board.take(
                monitor.evaluate(measurements, now: clock.now(), wallMilliseconds: clock.wallMilliseconds()))
            guard (try? await clock.sleep(interval)) != nil else { return }
        }
    }
}

/// The clocks that alerts need, replaceable in tests.
struct AlertClock: Sendable {
    /// For intervals.
    var now: @Sendable () -> ContinuousClock.Instant
    /// Milliseconds since 1970, for the eyes.
    var wallMilliseconds: @Sendable () -> Int64
    /// Throws when the task is cancelled.
    var sleep: @Sendable (Duration) async throws -> Void

    static let system = AlertClock(
        now: { .now }, wallMilliseconds: { Timestamp.nowMilliseconds() }, sleep: { try await Task.sleep(for: $0) })
}
