import HTTPTypes
import Hummingbird
import NIOCore
import PatchbayAPI
import PatchbayDelivery

extension ProxyTrust {
    private static let forwardedPrefix = HTTPField.Name("X-Forwarded-Prefix")

    /// The request as the endpoints see it: without the base path, and with an `X-Forwarded-Prefix` that can be believed.
    func placed(_ request: Request, peer: SocketAddress?) -> Request {
        guard let name = Self.forwardedPrefix, !basePath.isEmpty || request.headers.contains(name) else { return request }
        var head = request.head
        let given = isTrusted(peer) ? head.headerFields[name].flatMap(Self.prefix) : nil
        let prefix = given ?? basePath
        head.headerFields[name] = prefix.isEmpty ? nil : prefix
        head.path = head.path.map(target)
        return Request(head: head, body: request.body)
    }

    /// What goes before the paths of links to this server. Only for requests that were `placed`.
    static func linkPrefix(of request: Request) -> String { forwardedPrefix.flatMap { request.headers[$0] } ?? "" }

    /// A proxy's word for it, when it is a path of harmless characters.
    private static func prefix(_ value: String) -> String? {
        var path = value.prefix { $0 != "," }
        while path.last == "/" || path.last == " " { path = path.dropLast() }
        guard path.utf8.count <= 200 else { return nil }
        return path.isEmpty || PathPrefix.isValid(String(path)) ? String(path) : nil
    }
}
