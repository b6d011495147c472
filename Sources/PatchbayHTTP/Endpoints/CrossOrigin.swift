import HTTPTypes
import Hummingbird
import PatchbayDelivery

/// Lets the scripts of listed web pages read what GET answers (https://fetch.spec.whatwg.org/#http-cors-protocol).
/// Everything here is to be read without credentials, so none are allowed.
struct CrossOrigin: RouterMiddleware {
    typealias Context = BasicRequestContext

    /// How long a browser may keep a preflight's answer. Seconds.
    private static let maximumAge = "600"

    let origins: OriginList
    let log: ConnectionLog

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        guard !origins.isEmpty else { return try await next(request, context) }
        let origin = request.headers[.origin]
        let isAllowed = origin.map(origins.allows) ?? false
        var response: Response
        defer {
            let isAsked = request.method == .get || request.method == .head || Self.isPreflight(request)
            // The server's own page may read everything anyway.
            if let origin, !isAllowed, isAsked, !Self.isOwn(origin, request) { log.refusedPage(origin, path: request.uri.path) }
        }
        if Self.isPreflight(request) {
            response = preflight(origin ?? "", isAllowed: isAllowed)
        } else {
            response = try await next(request, context)
            guard request.method == .get || request.method == .head else { return response }
        }
        // Also without Origin: a cache must not hand this answer to a page that would get another one.
        if !origins.allowsAll { Self.vary(&response, on: "Origin") }
        if isAllowed, let origin {
            response.headers[.accessControlAllowOrigin] = origins.allowsAll ? "*" : origin
            response.headers[.accessControlExposeHeaders] = RequestID.header
        }
        return response
    }

    private static func isPreflight(_ request: Request) -> Bool {
        request.method == .options && request.headers[.origin] != nil && request.headers[.accessControlRequestMethod] != nil
    }

    private static func isOwn(_ origin: String, _ request: Request) -> Bool {
        guard let host = request.head.authority?.lowercased() else { return false }
        return ["http://\(host)", "https://\(host)"].contains(origin.lowercased())
    }

    private func preflight(_ origin: String, isAllowed: Bool) -> Response {
        guard isAllowed else {
            return .error(
                .forbidden, code: "forbidden_origin",
                message: "the page's origin \(ClientText.shown(origin)) is not in server.cors_origins")
        }
        var response = Response(
            status: .noContent,
            headers: [
                .accessControlAllowMethods: "GET, HEAD", .accessControlAllowHeaders: "\(RequestID.header), traceparent",
                .accessControlMaxAge: Self.maximumAge,
            ])
        // RFC 9110, section 8.6: never with 204.
        response.headers[.contentLength] = nil
        return response
    }

    private static func vary(_ response: inout Response, on name: String) {
        response.headers[.vary] = response.headers[.vary].map { "\($0), \(name)" } ?? name
    }
}
