internal import CPatchbayPlugin

/// What a plugin outside of the router's own memory said in a call: entries, one behind the other, which are passed on when the call
/// is over.
struct PluginEntries {
    private let bytes: UnsafeRawBufferPointer

    /// One thing that was said.
    struct Entry {
        let kind: UInt32
        let record: UInt32
        let code: UnsafeRawBufferPointer
        let field: UnsafeRawBufferPointer
        let text: UnsafeRawBufferPointer
    }

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Calls `body` for each entry, in order.
    ///
    /// - Parameter droppingUnfinished: leaves out the messages of the record that came last, of which there might have been more.
    func forEach(droppingUnfinished: Bool = false, _ body: (Entry) -> Void) {
        let end = droppingUnfinished ? finishedCount : bytes.count
        var place = 0
        while place < end, let entry = entry(&place) { body(entry) }
    }

    /// Passes them on.
    ///
    /// - Parameters:
    ///   - first: the place in the call of the part's first record.
    ///   - count: records of the part.
    ///   - isBroken: whether the last record may have been under way.
    func apply(to verdicts: PluginVerdicts, _ first: Int, _ count: Int, isBroken: Bool) {
        forEach(droppingUnfinished: isBroken) { entry in
            // Of another part: none that there is.
            let number = entry.record < UInt32(count) ? entry.record + UInt32(first) : first == 0 ? entry.record : PATCHBAY_NO_RECORD
            switch entry.kind {
            case PLUGIN_HELPER_EMIT: verdicts.emit(number, entry.text)
            case PLUGIN_HELPER_EMIT_OWN: verdicts.emit(number, nil)
            case PLUGIN_HELPER_REJECT: verdicts.reject(number, code: entry.code, field: entry.field, text: entry.text)
            case PLUGIN_HELPER_FILTER: verdicts.filter(number, text: entry.text)
            case PLUGIN_HELPER_LOG: verdicts.log(entry.record, entry.text)
            default: break
            }
        }
    }

    /// Only the lines for the log.
    func tellLog(of verdicts: PluginVerdicts) {
        forEach { if $0.kind == PLUGIN_HELPER_LOG { verdicts.log($0.record, $0.text) } }
    }

    /// The first text.
    func text(limit: Int) -> [UInt8]? {
        var found: [UInt8]?
        forEach { if $0.kind == PLUGIN_HELPER_TEXT, found == nil { found = Array($0.text.prefix(limit)) } }
        return found
    }

    /// Whether there is nothing but entries, and no more than there may be.
    var areWhole: Bool {
        var place = 0
        var entries: UInt32 = 0
        while place < bytes.count {
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
        while place < bytes.count {
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
        guard bytes.count - place >= size else { return nil }
        let head = bytes.loadUnaligned(fromByteOffset: place, as: plugin_helper_entry.self)
        let code = place + size
        // No overflow: three numbers of 32 bits.
        let field = code + Int(head.code_length)
        let text = field + Int(head.field_length)
        let end = text + Int(head.text_length)
        guard end <= bytes.count else { return nil }
        place = min(bytes.count, (end + 7) & ~7)
        return Entry(
            kind: head.kind, record: head.record, code: UnsafeRawBufferPointer(rebasing: bytes[code..<field]),
            field: UnsafeRawBufferPointer(rebasing: bytes[field..<text]), text: UnsafeRawBufferPointer(rebasing: bytes[text..<end]))
    }
}
