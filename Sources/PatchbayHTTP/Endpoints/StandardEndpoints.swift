import HTTPTypes
import Hummingbird
import NIOCore
import PatchbayDelivery

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The endpoints that more than one listener has.
enum StandardEndpoints {
    /// `GET /health` and `GET /metrics`.
    static func add(
        to router: Endpoints.HTTPRouter, health: @escaping @Sendable () throws -> HealthReport,
        metrics: @escaping @Sendable () -> ByteBuffer
    ) {
        router.get("health") { _, _ -> Response in
            let report = try health()
            return .json(
                status: report.status == .unavailable ? .serviceUnavailable : .ok,
                body: ByteBuffer(bytes: try encoder.encode(report)))
        }
        router.get("metrics") { _, _ -> Response in
            Response(
                status: .ok, headers: [.contentType: MetricsWriter.contentType, .cacheControl: "no-store"],
                body: .init(byteBuffer: metrics()))
        }
    }

    /// `GET /health/live` and `GET /health/ready`.
    static func add(_ probes: HealthProbes, to router: Endpoints.HTTPRouter) {
        // Both run in Swift's concurrency pool, so that a stuck event loop doesn't keep others from saying so.
        router.get("health/live") { _, _ -> Response in try answer(probes.live()) }
        router.get("health/ready") { _, _ -> Response in try answer(probes.ready()) }
    }

    private static func answer(_ report: ProbeReport) throws -> Response {
        .json(
            status: report.isGood ? .ok : .serviceUnavailable, body: ByteBuffer(bytes: try encoder.encode(report)))
    }

    /// `GET /ws` without an upgrade.
    static func addUpgradeHint(to router: Endpoints.HTTPRouter) {
        router.get("ws") { request, _ -> Response in
            // A handshake comes here only when requests before it on its connection are unanswered.
            let hasUpgrade = request.headers[.upgrade]?.lowercased().contains("websocket") == true
            let hasConnection = request.headers[.connection]?.lowercased().contains("upgrade") == true
            let message =
                if hasUpgrade, hasConnection {
                    "a WebSocket handshake must wait until the requests before it on its connection are answered"
                } else if hasUpgrade || request.headers[.secWebSocketKey] != nil {
                    HandshakeDecision.missing(hasUpgrade: hasUpgrade, hasConnection: hasConnection)
                } else {
                    "connect to this address with a WebSocket client"
                }
            throw EndpointError(status: .upgradeRequired, code: "upgrade_required", message: message)
        }
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}
