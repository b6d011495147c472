import NIOCore
import PatchbayDelivery
import PatchbayJSON
import Synchronization

/// The documents of the routes in force, built again when those have changed.
///
/// Thread: any.
final class DocumentCache: Sendable {
    enum Kind: CaseIterable { case openAPI, asyncAPI, channels }

    private struct Built {
        var routes: DocumentedRoutes
        var documents: [Key: Document]
    }

    private struct Key: Hashable {
        var kind: Kind
        var prefix: String
    }

    /// Documents kept: proxies have one prefix or two. More are built each time.
    private static let mostDocuments = 12

    /// One document, ready to be sent.
    struct Document: Sendable {
        var body: ByteBuffer
        var entityTag: String
    }

    private let facts: DocumentContext
    private let routes: @Sendable () -> DocumentedRoutes
    private let built = Mutex<Built?>(nil)

    init(facts: DocumentContext, routes: @escaping @Sendable () -> DocumentedRoutes) {
        self.facts = facts
        self.routes = routes
    }

    /// - Parameter prefix: what goes before every path.
    func document(_ kind: Kind, prefix: String = "") -> Document {
        let routes = routes()
        let key = Key(kind: kind, prefix: prefix)
        return built.withLock { built in
            if let built, built.routes == routes, let document = built.documents[key] { return document }
            let document = build(kind, routes, prefix: prefix)
            var documents = built?.routes == routes ? built?.documents ?? [:] : [:]
            guard documents.count < Self.mostDocuments else { return document }
            documents[key] = document
            built = Built(routes: routes, documents: documents)
            return document
        }
    }

    private func build(_ kind: Kind, _ routes: DocumentedRoutes, prefix: String) -> Document {
        var facts = facts
        facts.prefix = prefix
        let tree =
            switch kind {
            case .openAPI: OpenAPIDocument(routes: routes, facts: facts).tree
            case .asyncAPI: AsyncAPIDocument(routes: routes, facts: facts).tree
            case .channels: ChannelList.tree(of: routes)
            }
        let text = tree.text()
        let body = ByteBuffer(string: (JSONPretty.text(text) ?? text) + "\n")
        return Document(body: body, entityTag: EntityTag.of(body.readableBytesView))
    }
}

/// Names a version of some bytes, the same on every machine and in every run.
enum EntityTag {
    /// A strong tag: FNV-1a, 64 bits, and the length. Nobody gains by making two versions collide: all of them are ours.
    static func of(_ bytes: some Collection<UInt8>) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return "\"\(String(hash, radix: 16))-\(bytes.count)\""
    }

    /// Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2; the comparison is weak).
    static func isNamed(_ tag: String, in header: String?) -> Bool {
        guard let header else { return false }
        return header.split(separator: ",").contains { part in
            var name = part.drop { $0 == " " }
            while name.last == " " { name = name.dropLast() }
            if name.hasPrefix("W/") { name = name.dropFirst(2) }
            return name == "*" || name == tag
        }
    }
}
