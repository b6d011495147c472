import HTTPTypes
import Hummingbird
import Logging
import PatchbayDelivery
import Synchronization

/// Around every endpoint: names the request, in its answer and in log lines about it.
struct AnswerHeaders: RouterMiddleware {
    typealias Context = BasicRequestContext

    private static let requestID = HTTPField.Name(RequestID.header)
    private static let traceParent = HTTPField.Name("traceparent")

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        let id = RequestID.of(Self.requestID.flatMap { request.headers[$0] })
        var context = context
        context.logger[metadataKey: "request_id"] = "\(id)"
        if let trace = Self.traceParent.flatMap({ TraceParent(request.headers[values: $0]) }) {
            context.logger[metadataKey: "traceparent"] = "\(trace.text)"
            context.logger[metadataKey: "trace_id"] = "\(trace.traceID)"
        }
        var response = try await next(request, context)
        if let name = Self.requestID { response.headers[name] = id }
        // Endpoints know of GET only; errors come with a body whatever was asked.
        return request.method == .head ? response.createHeadResponse() : response
    }
}

/// Which methods each path has, so that a wrong one is told from a wrong path.
///
/// Thread: any; filled once, before the first request.
final class AllowedMethods: Sendable {
    private let byPath = Mutex<[String: String]>([:])

    /// Takes the routes of a router. Only paths without parameters are known.
    func learn(_ routes: [Endpoints.HTTPRouter.RouteDescription]) {
        var methods: [String: Set<String>] = [:]
        for route in routes {
            let path = Self.normal("/" + route.path.components.map { "\($0)" }.joined(separator: "/"))
            methods[path, default: []].insert(route.method.rawValue)
            if route.method == .get { methods[path, default: []].insert(HTTPRequest.Method.head.rawValue) }
        }
        let texts = methods.mapValues { $0.sorted().joined(separator: ", ") }
        byPath.withLock { $0 = texts }
    }

    /// The value of `Allow` for a path; `nil` when there is nothing at it.
    func allowed(at path: String) -> String? { byPath.withLock { $0[Self.normal(path)] } }

    private static func normal(_ path: String) -> String {
        path.utf8.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}

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
