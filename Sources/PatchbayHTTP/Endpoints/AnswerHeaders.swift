import HTTPTypes
import Hummingbird
import Logging
import PatchbayDelivery

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
