internal import CPatchbayPlugin

/// `patchbay_plugin.h`, which plugins are built with, and what those for WebAssembly need besides.
package enum PluginHeader {
    package static let text = text(plugin_host_header)
    /// `patchbay_wasm.h`.
    package static let support = text(plugin_host_wasm_header)
    /// `patchbay_wasm.c`.
    package static let supportSource = text(plugin_host_wasm_source)

    private static func text(_ file: (UnsafeMutablePointer<Int>) -> UnsafePointer<CChar>) -> String {
        var count = 0
        let start = file(&count)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
