import HTTPTypes
import Hummingbird
import PatchbayDelivery

/// Around every endpoint of the admin listener: refuses what a web page made a browser ask. A page's own name that leads to
/// our address (DNS rebinding) is told by `Host`, every other page by `Origin`.
struct OwnHost: RouterMiddleware {
    typealias Context = BasicRequestContext

    let names: HostList
    let log: ConnectionLog

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        // HTTP/1.0 has none, and no browser speaks it.
        if let host = request.head.authority, !names.allows(host) {
            log.refused("Host", host, code: "unknown_host", path: request.uri.path)
            throw EndpointError(
                status: .init(code: 421, reasonPhrase: "Misdirected Request"), code: "unknown_host",
                message: "this listener is not known as \"\(ClientText.shown(host))\"; use localhost or its address, or add the name "
                    + "to admin.allowed_hosts")
        }
        if let origin = request.headers[.origin], !isOurs(origin, request) {
            log.refused("Origin", origin, code: "forbidden_origin", path: request.uri.path)
            throw EndpointError(
                status: .forbidden, code: "forbidden_origin",
                message: "web pages may not call the admin endpoints (Origin is \"\(ClientText.shown(origin))\")")
        }
        return try await next(request, context)
    }

    /// Whether a page that this listener itself serves asks for something to read.
    private func isOurs(_ origin: String, _ request: Request) -> Bool {
        guard request.method == .get || request.method == .head, let host = request.head.authority else { return false }
        return origin.lowercased() == "http://\(host.lowercased())"
    }
}
