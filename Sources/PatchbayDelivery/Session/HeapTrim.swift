import CRuntime

/// When memory that many handshakes took is given back to the system.
///
/// A handshake takes several times what its connection keeps, in pieces between those that stay. After a crowd has connected, the C
/// library holds these pages for a next crowd, which may never come.
struct HeapTrim {
    /// Connections after which it is worth a look: some 2 KiB each.
    static let worthwhile = 1000

    /// Connections so far.
    private var opened = 0
    private var openedAtLastLook = 0
    private var openedAtLastTrim = 0

    mutating func connectionOpened() { opened += 1 }

    /// To be called about once a second.
    ///
    /// - Returns: whether a crowd has come since the last time that this said so, and has all arrived.
    mutating func isDue() -> Bool {
        defer { openedAtLastLook = opened }
        guard opened == openedAtLastLook, opened - openedAtLastTrim >= Self.worthwhile else { return false }
        openedAtLastTrim = opened
        return true
    }

    static func run() { heap_trim() }
}
