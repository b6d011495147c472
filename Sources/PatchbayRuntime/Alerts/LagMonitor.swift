import PatchbaySettings

/// How a topic does on this node, at one moment.
struct TopicMeasurement: Sendable, Equatable {
    enum Consumption: Sendable, Equatable {
        /// Connected, and this consumer owns partitions of some topic.
        case consuming
        /// Connected, and it owns none, of any topic.
        case waitingForAssignment
        /// Not connected, stopped or failed: nothing can be said about lag or assignment.
        case unavailable
    }

    var cluster: String
    var topic: String
    /// Records not yet processed, summed over the partitions this node reads, 0 or more; `nil` unless it is known for
    /// all of them.
    var lag: Int64?
    var partitionsAssigned: Int
    /// All partitions of the topic; `nil` while unknown.
    var partitionsTotal: Int?
    /// Records of lag that are still acceptable, 1 or more; `nil` when any lag is.
    var threshold: Int64?
    var consumption: Consumption
}

/// Decides from measurements when alerts start and end, so that they don't flap.
///
/// Pure: time and measurements come in, events come out.
struct LagMonitor: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Since when something holds.
    private struct Since {
        var instant: Instant
        var milliseconds: Int64
    }

    private struct Watch {
        /// The condition holds, or the alert does.
        var since: Since?
        var alert: Alert?
        /// Since when this node has owned no partition of the topic.
        var ownsNothingSince: Instant?
    }

    private enum Reading { case bad, good, unclear }

    private let settings: AlertSettings
    private var watches: [Alert.Subject: Watch] = [:]

    init(settings: AlertSettings = AlertSettings()) { self.settings = settings }

    /// Alerts that hold, in no particular order.
    var active: [Alert] { watches.values.compactMap(\.alert) }

    /// - Parameters:
    ///   - measurements: all topics there are; alerts of others end. Of two for the same topic and cluster, the last
    ///     counts.
    ///   - wallMilliseconds: milliseconds since 1970; only shown, never compared.
    /// - Returns: what changed, by topic.
    mutating func evaluate(
        _ measurements: [TopicMeasurement], now: Instant, wallMilliseconds: Int64
    ) -> [AlertEvent] {
        var measured: [Alert.Subject: TopicMeasurement] = [:]
        for measurement in measurements {
            for kind in Alert.Kind.allCases {
                measured[.init(kind: kind, cluster: measurement.cluster, topic: measurement.topic)] = measurement
            }
        }
        var events: [AlertEvent] = []
        let subjects = Set(watches.keys).union(measured.keys).sorted {
            ($0.cluster, $0.topic, $0.kind.rawValue) < ($1.cluster, $1.topic, $1.kind.rawValue)
        }
        for subject in subjects {
            var watch = watches[subject] ?? Watch()
            let event: AlertEvent?
            if let measurement = measured[subject] {
                event = step(&watch, subject, measurement, now: now, wallMilliseconds: wallMilliseconds)
                watches[subject] = watch
            } else {
                event = end(&watch, now: now, wallMilliseconds: wallMilliseconds)
                watches[subject] = nil
            }
            if let event { events.append(event) }
        }
        return events
    }

    private func step(
        _ watch: inout Watch, _ subject: Alert.Subject, _ measurement: TopicMeasurement, now: Instant,
        wallMilliseconds: Int64
    ) -> AlertEvent? {
        if measurement.consumption == .unavailable || measurement.partitionsAssigned > 0 {
            watch.ownsNothingSince = nil
        } else if watch.ownsNothingSince == nil {
            watch.ownsNothingSince = now
        }
        let reading =
            switch subject.kind {
            case .lag: lagReading(measurement, watch, now: now)
            case .partialAssignment: assignmentReading(measurement)
            }
        switch reading {
        case .good:
            // So that the end is told with the numbers that ended it.
            watch.alert?.update(measurement)
            return end(&watch, now: now, wallMilliseconds: wallMilliseconds)
        case .unclear: return update(&watch, measurement)
        case .bad:
            if watch.alert != nil { return update(&watch, measurement) }
            let since = watch.since ?? Since(instant: now, milliseconds: wallMilliseconds)
            watch.since = since
            let needed = subject.kind == .lag ? settings.lagFor : settings.settling
            guard now - since.instant >= needed else { return nil }
            let alert = Alert(subject: subject, measured: measurement, sinceMilliseconds: since.milliseconds)
            watch.alert = alert
            return .started(alert)
        }
    }

    private func lagReading(_ measurement: TopicMeasurement, _ watch: Watch, now: Instant) -> Reading {
        guard let threshold = measurement.threshold else { return .good }
        if let since = watch.ownsNothingSince {
            // Another member owns the partitions now and its lag is not ours. During a rebalance nobody does, which
            // must not end an alert that would start again a moment later.
            return now - since >= settings.settling ? .good : .unclear
        }
        guard measurement.consumption != .unavailable, let lag = measurement.lag else { return .unclear }
        if lag > threshold { return .bad }
        guard watch.alert != nil else { return .good }
        return Double(lag) < Double(threshold) * settings.endsBelow ? .good : .bad
    }

    private func assignmentReading(_ measurement: TopicMeasurement) -> Reading {
        guard settings.watchesAssignment else { return .good }
        guard measurement.consumption == .consuming, let total = measurement.partitionsTotal else { return .unclear }
        return measurement.partitionsAssigned < total ? .bad : .good
    }

    private func update(_ watch: inout Watch, _ measurement: TopicMeasurement) -> AlertEvent? {
        guard var alert = watch.alert else { return nil }
        // What a consumer without a connection says about its partitions is no news.
        guard measurement.consumption != .unavailable else { return nil }
        alert.update(measurement)
        guard alert != watch.alert else { return nil }
        watch.alert = alert
        return .updated(alert)
    }

    private func end(_ watch: inout Watch, now: Instant, wallMilliseconds: Int64) -> AlertEvent? {
        defer {
            watch.since = nil
            watch.alert = nil
        }
        guard let alert = watch.alert, let since = watch.since else { return nil }
        return .ended(alert, atMilliseconds: wallMilliseconds, duration: now - since.instant)
    }
}
