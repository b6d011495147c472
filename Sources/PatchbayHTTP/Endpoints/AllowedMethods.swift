import HTTPTypes
import Hummingbird
import Synchronization
import PatchbayDelivery

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
