internal import CPatchbayPlugin

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A plugin's library in memory that nobody can change, for helpers to load it from.
///
/// Thread: any.
final class HelperImage: Sendable {
    let descriptor: Int32

    init(_ bytes: [UInt8], name: String) throws(PluginFailure) {
        if let problem = LibraryImage.problem(bytes) { throw problem }
        // Not empty: it has a header.
        let descriptor = bytes.withUnsafeBytes { bytes in bytes.baseAddress.map { plugin_helper_seal($0, bytes.count, name) } ?? -1 }
        guard descriptor >= 0 else {
            throw PluginFailure(
                "can't be loaded: memfd_create says error \(errno)", hint: "the router needs memory files; see docs/plugins.md")
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
