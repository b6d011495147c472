internal import CPatchbayPlugin

/// `patchbay_plugin.h`, which plugins are built with.
package enum PluginHeader {
    package static let text: String = {
        var count = 0
        let start = plugin_host_header(&count)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }()
}
