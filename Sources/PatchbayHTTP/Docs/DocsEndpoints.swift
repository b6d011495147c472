import HTTPTypes
import Hummingbird
import NIOCore
import PatchbayDelivery
import PatchbayJSON

/// `/`, `/docs` with what it is made of, and the documents it shows.
struct DocsEndpoints: Sendable {
    private let cache: DocumentCache

    /// What the page may do: run our scripts and styles, ask this server, and open WebSockets. WebSockets to any host,
    /// since not every browser counts those to the page's own host among `'self'`.
    static let pagePolicy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    /// - Parameter routes: what to describe; asked once per request of a document.
    init(configuration: ServerConfiguration, routes: @escaping @Sendable () -> DocumentedRoutes) {
        cache = DocumentCache(facts: DocumentContext(configuration, assets: DocsAssets.names), routes: routes)
    }

    func add(to router: Endpoints.HTTPRouter) {
        get("", router) { .redirect(to: ProxyTrust.linkPrefix(of: $0) + "/docs", type: .found) }
        get("docs", router) { request in
            // Links of the page are relative, so that it works behind a proxy that adds a path.
            guard !request.uri.path.hasSuffix("/") else {
                return .redirect(to: ProxyTrust.linkPrefix(of: request) + "/docs", type: .found)
            }
            var response = try Self.asset(DocsAssets.page, request)
            response.headers[.contentSecurityPolicy] = Self.pagePolicy
            return response
        }
        for name in DocsAssets.names { get("docs/\(name)", router) { try Self.asset(name, $0) } }
        for (path, kind) in [
            ("openapi.json", DocumentCache.Kind.openAPI), ("asyncapi.json", .asyncAPI), ("channels", .channels),
        ] {
            get(path, router) { [cache] request in
                let document = cache.document(kind, prefix: ProxyTrust.linkPrefix(of: request))
                return Self.answer(
                    request, contentType: "application/json; charset=utf-8", body: document.body,
                    entityTag: document.entityTag)
            }
        }
    }

    private func get(
        _ path: String, _ router: Endpoints.HTTPRouter, _ answer: @escaping @Sendable (Request) throws -> Response
    ) {
        router.get(RouterPath(path)) { request, _ -> Response in try answer(request) }
    }

    private static func asset(_ name: String, _ request: Request) throws -> Response {
        guard let asset = DocsAssets.bundled.all[name] else { throw HTTPError(.notFound) }
        return answer(request, contentType: asset.contentType, body: asset.body, entityTag: asset.entityTag)
    }

    /// May be kept, but must be asked for before each use: all of it changes with the program or its routes.
    private static func answer(
        _ request: Request, contentType: String, body: ByteBuffer, entityTag: String
    ) -> Response {
        let headers: HTTPFields = [.contentType: contentType, .cacheControl: "no-cache", .eTag: entityTag]
        guard !EntityTag.isNamed(entityTag, in: request.headers[.ifNoneMatch]) else {
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: body))
    }
}

/// What `GET /channels` answers.
enum ChannelList {
    static func tree(of routes: DocumentedRoutes) -> JSONTree {
        [
            "channels": .array(
                routes.channels.map { channel in
                    let start: JSONTree = ["name": .string(channel.name)]
                    return start.with("description", channel.description.map(JSONTree.string))
                        .with("buffer", .integer(Int64(channel.buffer))).with("template", .bool(channel.isTemplate))
                        .with("types", .strings(routes.types(on: channel.name)))
                })
        ]
    }
}
