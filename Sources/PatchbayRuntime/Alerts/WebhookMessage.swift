import Foundation
import PatchbayCore

/// What is posted to a webhook. Members that aren't known are left out.
struct WebhookMessage: Encodable, Sendable, Equatable {
    enum Status: String, Encodable, Sendable {
        case firing
        case resolved
    }

    var version = 1
    var id: String
    var status: Status
    var alert: String
    var cluster: String
    var topic: String
    var lag: Int64?
    var peakLag: Int64?
    var threshold: Int64?
    var partitionsAssigned: Int
    var partitionsTotal: Int?
    var since: String
    var endedAt: String?
    var node: String
    var summary: String
    var patchbayVersion: String?

    enum CodingKeys: String, CodingKey {
        case version, id, status, alert, cluster, topic, lag, threshold, since, node, summary
        case peakLag = "peak_lag"
        case partitionsAssigned = "partitions_assigned"
        case partitionsTotal = "partitions_total"
        case endedAt = "ended_at"
        case patchbayVersion = "patchbay_version"
    }

    /// - Parameter endedAt: milliseconds since 1970; `nil` while the alert holds.
    init(_ alert: Alert, endedAt: Int64?, node: String, patchbayVersion: String?) {
        id = alert.id
        status = endedAt == nil ? .firing : .resolved
        self.alert = alert.kind.rawValue
        cluster = alert.cluster
        topic = alert.topic
        if alert.kind == .lag {
            lag = alert.lag
            peakLag = alert.peakLag
            threshold = alert.threshold
        }
        partitionsAssigned = alert.partitionsAssigned
        partitionsTotal = alert.partitionsTotal
        since = Timestamp.text(alert.sinceMilliseconds)
        self.endedAt = endedAt.map(Timestamp.text)
        self.node = node
        summary = "\(node): \(endedAt == nil ? alert.summary : alert.resolution)"
        self.patchbayVersion = patchbayVersion
    }

    /// The members sorted by name, so that the same message has the same bytes.
    var body: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return try encoder.encode(self)
        }
    }
}
