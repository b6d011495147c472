import HTTPTypes
import Hummingbird
import PatchbayDelivery

/// Tells browsers what they must not do with an answer. An endpoint that needs more says so itself.
struct SecurityHeaders: RouterMiddleware {
    typealias Context = BasicRequestContext

    /// For what is no page: nothing may be loaded or framed by it.
    static let strictest = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        for (name, value) in Self.all where response.headers[name] == nil { response.headers[name] = value }
        return response
    }

    private static let all: [(HTTPField.Name, String)] = {
        var all: [(HTTPField.Name, String)] = [
            (.contentSecurityPolicy, strictest), (.xContentTypeOptions, "nosniff"),
        ]
        for (name, value) in [
            ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
        ] {
            if let name = HTTPField.Name(name) { all.append((name, value)) }
        }
        return all
    }()
}
