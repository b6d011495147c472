internal import CPatchbayPlugin

/// What a helper wrote, copied: the helper can still write to where it came from.
///
/// Thread: one at a time.
struct HelperOutput: ~Copyable {
    /// Bytes that are kept from call to call.
    private static let kept = 1 << 20

    // Sound: ours alone.
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    private var count = 0

    deinit { buffer.deallocate() }

    /// Valid until more is taken.
    var entries: PluginEntries { PluginEntries(UnsafeRawBufferPointer(rebasing: buffer.prefix(count))) }

    mutating func clear() { count = 0 }

    /// Copies the entries of an area.
    ///
    /// - Returns: whether that many can be, and they are whole.
    mutating func take(_ area: UnsafePointer<plugin_helper_area>, _ used: UInt64) -> Bool {
        count = 0
        guard used <= UInt64(PLUGIN_HELPER_OUTPUT_SIZE) else { return false }
        return take(UnsafeRawBufferPointer(start: UnsafeRawPointer(area) + Int(PLUGIN_HELPER_OUTPUT), count: Int(used)))
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.count > buffer.count || buffer.count > Self.kept {
            buffer.deallocate()
            buffer = .allocate(byteCount: max(bytes.count, 4096), alignment: 8)
        }
        buffer.copyMemory(from: bytes)
        count = bytes.count
        guard entries.areWhole else {
            count = 0
            return false
        }
        return true
    }
}
