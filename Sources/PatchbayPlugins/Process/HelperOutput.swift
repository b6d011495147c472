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

    /// One thing that was said. The bytes are those of the copy.
    struct Entry {
        let kind: UInt32
        let record: UInt32
        let code: UnsafeRawBufferPointer
        let field: UnsafeRawBufferPointer
        let text: UnsafeRawBufferPointer
    }

    deinit { buffer.deallocate() }

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
        guard isWhole else {
            count = 0
            return false
        }
        return true
    }

    /// Calls `body` for each entry, in order.
    ///
    /// - Parameter droppingUnfinished: leaves out the messages of the record that came last, of which there might have been more.
    func forEach(droppingUnfinished: Bool = false, _ body: (Entry) -> Void) {
        let end = droppingUnfinished ? finishedCount : count
        var place = 0
        while place < end, let entry = entry(&place) { body(entry) }
    }

    /// The first text.
    func text(limit: Int) -> [UInt8]? {
        var found: [UInt8]?
        forEach { if $0.kind == PLUGIN_HELPER_TEXT, found == nil { found = Array($0.text.prefix(limit)) } }
        return found
    }

    private var isWhole: Bool {
        var place = 0
        var entries: UInt32 = 0
        while place < count {
            guard entry(&place) != nil, entries < PLUGIN_HELPER_ENTRIES else { return false }
            entries += 1
        }
        return true
    }

    /// Bytes before the messages of the record that came last.
    private var finishedCount: Int {
        var place = 0
        var end = 0
        var open: (record: UInt32, start: Int)?
        while place < count {
            let start = place
            guard let entry = entry(&place) else { break }
            switch entry.kind {
            case PLUGIN_HELPER_EMIT, PLUGIN_HELPER_EMIT_OWN:
                if open?.record != entry.record { open = (entry.record, start) }
            case PLUGIN_HELPER_REJECT, PLUGIN_HELPER_FILTER: open = nil
            default: break
            }
            end = place
        }
        return open?.start ?? end
    }

    /// The entry there, and the place of the next one; `nil` when none can be there.
    private func entry(_ place: inout Int) -> Entry? {
        let size = MemoryLayout<plugin_helper_entry>.size
        guard count - place >= size else { return nil }
        let head = buffer.loadUnaligned(fromByteOffset: place, as: plugin_helper_entry.self)
        let code = place + size
        // No overflow: three numbers of 32 bits.
        let field = code + Int(head.code_length)
        let text = field + Int(head.field_length)
        let end = text + Int(head.text_length)
        guard end <= count else { return nil }
        place = min(count, (end + 7) & ~7)
        let bytes = UnsafeRawBufferPointer(buffer)
        return Entry(
            kind: head.kind, record: head.record, code: UnsafeRawBufferPointer(rebasing: bytes[code..<field]),
            field: UnsafeRawBufferPointer(rebasing: bytes[field..<text]), text: UnsafeRawBufferPointer(rebasing: bytes[text..<end]))
    }
}
