import CDocsAssets
import NIOCore
import PatchbayDelivery

/// The files behind `/docs`: a table inside the program, so that no request can reach a file system.
struct DocsAssets: Sendable {
    struct Asset: Sendable {
        var contentType: String
        var body: ByteBuffer
        var entityTag: String
    }

    /// What `/docs` itself is.
    static let page = "index.html"

    /// By name.
    let all: [String: Asset]

    /// Copied once, when the first request asks.
    static let bundled: DocsAssets = {
        var all: [String: Asset] = [:]
        for asset in table { all[asset.name] = asset.copy() }
        return DocsAssets(all: all)
    }()

    /// Names of what is served under `/docs/`.
    static var names: [String] { table.map(\.name).filter { $0 != page }.sorted() }

    /// A file as it lies in the program.
    private struct Constant {
        var name: String
        var contentType: String
        var bytes: UnsafeRawBufferPointer

        func copy() -> Asset {
            Asset(contentType: contentType, body: ByteBuffer(bytes: bytes), entityTag: EntityTag.of(bytes))
        }
    }

    /// Whether Swagger UI is in this build; without it the page says so and shows the rest.
    static var hasSwaggerUI: Bool { docs_has_swagger_ui() }

    private static var table: [Constant] {
        (0..<docs_asset_count()).map { index in
            let asset = docs_asset_at(index)
            return Constant(
                name: String(cString: asset.name), contentType: String(cString: asset.content_type),
                bytes: UnsafeRawBufferPointer(start: asset.start, count: asset.count))
        }
    }
}
