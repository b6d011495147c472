/// What is in a file that is to be loaded as a shared library, as far as its headers say.
///
/// The dynamic linker trusts them: it maps what they announce, and what is missing at the end of a file that was only copied by
/// half kills the process at the first touch.
enum LibraryImage {
    private static let kind64: UInt8 = 2
    private static let littleEndian: UInt8 = 1
    private static let sharedObject: UInt16 = 3
    private static let loadedSegment: UInt32 = 1
    #if arch(x86_64)
        private static let machine: UInt16 = 62
    #elseif arch(arm64)
        private static let machine: UInt16 = 183
    #else
        private static let machine: UInt16 = 0
    #endif

    /// Whether it is a WebAssembly module.
    static func isWebAssembly(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x00, 0x61, 0x73, 0x6D]) }

    /// What speaks against loading it; `nil` when nothing does.
    static func problem(_ bytes: [UInt8]) -> PluginFailure? {
        let how = "build it with `-shared -fPIC`, as docs/plugins.md says"
        guard bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
            return PluginFailure(bytes.isEmpty ? "is empty" : "is neither a shared library nor a WebAssembly module", hint: how)
        }
        let cut = PluginFailure("is incomplete", hint: "copy it again, and put it in its place with `mv`")
        guard let type: UInt16 = number(bytes, 16), let machine: UInt16 = number(bytes, 18), bytes.count >= 64 else { return cut }
        guard bytes[4] == kind64, bytes[5] == littleEndian, Self.machine == 0 || machine == Self.machine else {
            return PluginFailure("is for another kind of machine", hint: "build it on, or for, the machine that the router runs on")
        }
        guard type == sharedObject else { return PluginFailure("is a program or an object file, not a shared library", hint: how) }
        // Sections come last in what linkers write.
        guard isWithin(bytes, table: 40, entrySize: 58, count: 60), isWithin(bytes, table: 32, entrySize: 54, count: 56),
            let table: UInt64 = number(bytes, 32), let size: UInt16 = number(bytes, 54), let count: UInt16 = number(bytes, 56)
        else { return cut }
        for index in 0..<UInt64(count) {
            let entry = Int(table + index * UInt64(size))
            guard let type: UInt32 = number(bytes, entry), let offset: UInt64 = number(bytes, entry + 8),
                let length: UInt64 = number(bytes, entry + 32)
            else { return cut }
            let (end, overflows) = offset.addingReportingOverflow(length)
            if type == loadedSegment, overflows || end > UInt64(bytes.count) { return cut }
        }
        return nil
    }

    /// - Parameters: where the header says where a table is, how large its entries are and how many.
    private static func isWithin(_ bytes: [UInt8], table: Int, entrySize: Int, count: Int) -> Bool {
        guard let start: UInt64 = number(bytes, table), let size: UInt16 = number(bytes, entrySize),
            let count: UInt16 = number(bytes, count)
        else { return false }
        let (end, overflows) = start.addingReportingOverflow(UInt64(size) * UInt64(count))
        return !overflows && end <= UInt64(bytes.count)
    }

    private static func number<Number: FixedWidthInteger>(_ bytes: [UInt8], _ place: Int) -> Number? {
        guard place >= 0, place <= bytes.count - MemoryLayout<Number>.size else { return nil }
        return bytes.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Number.self)) }
    }
}
