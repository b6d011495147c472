import PatchbayDelivery

/// What `/health/live` and `/health/ready` answer.
public struct ProbeReport: Sendable, Equatable {
    /// `live` or `not_live`; `ready` or `not_ready`.
    public var status: String
    /// Sentences for people; empty when all is well.
    public var reasons: [String]

    /// HTTP 200 rather than 503.
    public var isGood: Bool { reasons.isEmpty }

    /// Whether the process works at all, or should be restarted: every thread makes progress.
    static func liveness(stuckThreads: [String]) -> ProbeReport {
        ProbeReport(status: stuckThreads.isEmpty ? "live" : "not_live", reasons: stuckThreads)
    }

    /// Whether clients should be sent here.
    /// - Parameter partitionsWithoutPosition: assigned ones of which it isn't known yet where reading begins.
    static func readiness(
        isAssigned: Bool, partitionsWithoutPosition: Int = 0, isLeaving: Bool, isAccepting: Bool
    ) -> ProbeReport {
        var reasons: [String] = []
        if isLeaving { reasons.append("the server is shutting down") }
        if !isAccepting { reasons.append("the listener does not accept connections") }
        if !isAssigned { reasons.append("no partitions are assigned to this node yet") }
        if partitionsWithoutPosition > 0 {
            reasons.append("it is not known yet where reading begins in \(partitionsWithoutPosition) assigned partitions")
        }
        return ProbeReport(status: reasons.isEmpty ? "ready" : "not_ready", reasons: reasons)
    }
}

extension ProbeReport: Encodable {}

/// Where the answers to probes come from.
public struct HealthProbes: Sendable {
    /// Behind `/health/live`.
    public var live: @Sendable () -> ProbeReport
    /// Behind `/health/ready`.
    public var ready: @Sendable () -> ProbeReport

    public init(live: @escaping @Sendable () -> ProbeReport, ready: @escaping @Sendable () -> ProbeReport) {
        self.live = live
        self.ready = ready
    }
}
