#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Keys, each with a number and with data of its user's: a hash table in memory of its own, which allocates nothing for a key that it
/// knows, nor for a new one once others were removed. A key takes 40 bytes, 8 to 16 more for finding it, and its bytes.
///
/// Thread: consumer.
final class KeyTable {
    private static let none: Int32 = -1

    private struct Entry {
        var hash = 0
        /// The key, then the data. Ours; kept for the next key when this one is removed.
        var memory: UnsafeMutableRawPointer?
        var capacity: Int32 = 0
        var keyCount: Int32 = 0
        /// Neighbours in the order in which keys were added; `newer` of one that is free is the next free one.
        var older = KeyTable.none
        var newer = KeyTable.none
    }

    private var entries: [Entry] = []
    /// Numbers of entries by hash, open addressing; a power of two, at most half of it in use.
    private var index: [Int32]
    private var firstFree = none
    private var oldestEntry = none
    private var newestEntry = none
    /// Keys.
    private(set) var count = 0
    /// Memory behind all keys and data, also of removed ones. Bytes.
    private(set) var bytes = 0

    /// Memory beside keys and data. Bytes.
    var overhead: Int { entries.capacity * MemoryLayout<Entry>.stride + index.count * MemoryLayout<Int32>.stride }

    init() { index = Array(repeating: Self.none, count: 16) }

    deinit { for entry in entries { entry.memory?.deallocate() } }

    /// The key that was added first; `nil` when there is none.
    var oldest: Int? { oldestEntry == Self.none ? nil : Int(oldestEntry) }

    /// The key that was added next after this one.
    func newer(_ number: Int) -> Int? { entries[number].newer == Self.none ? nil : Int(entries[number].newer) }

    /// Where the bytes of a key, and the data behind it, are.
    func memory(_ number: Int) -> UnsafeMutableRawPointer? { entries[number].memory }

    func keyCount(_ number: Int) -> Int { Int(entries[number].keyCount) }

    static func hash(_ key: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        return hasher.finalize()
    }

    /// - Returns: the key's number; `nil` when it isn't there.
    func find(_ key: UnsafeRawBufferPointer, hash: Int) -> Int? {
        var slot = hash & (index.count - 1)
        while index[slot] != Self.none {
            let number = Int(index[slot])
            if entries[number].hash == hash, isKey(key, of: number) { return number }
            slot = (slot + 1) & (index.count - 1)
        }
        return nil
    }

    private func isKey(_ key: UnsafeRawBufferPointer, of number: Int) -> Bool {
        guard Int(entries[number].keyCount) == key.count, let memory = entries[number].memory else { return false }
        return key.baseAddress.map { memcmp(memory, $0, key.count) == 0 } ?? true
    }

    /// Adds a key that isn't there, as the newest.
    ///
    /// - Returns: its number: that of a removed one, or the next.
    func add(_ key: UnsafeRawBufferPointer, hash: Int) -> Int {
        if (count + 1) * 2 > index.count { grow() }
        let number: Int
        if firstFree != Self.none {
            number = Int(firstFree)
            firstFree = entries[number].newer
        } else {
            number = entries.count
            // A quarter more, where an array by itself would double.
            if entries.count == entries.capacity { entries.reserveCapacity(entries.count + entries.count / 4 + 16) }
            entries.append(Entry())
        }
        entries[number].hash = hash
        entries[number].keyCount = 0
        reserve(key.count, for: number)
        if let base = key.baseAddress { entries[number].memory?.copyMemory(from: base, byteCount: key.count) }
        entries[number].keyCount = Int32(key.count)
        linkAsNewest(number)
        insert(Int32(number), hash: hash)
        count += 1
        return number
    }

    /// Makes room for a key with data behind it, as many bytes together; what is there stays.
    func reserve(_ size: Int, for number: Int) {
        let capacity = Int(entries[number].capacity)
        guard size > capacity || entries[number].memory == nil else { return }
        // A little more than is needed, since messages of a kind differ in size a little.
        let wanted = max(32, (size + size / 8 + 31) & ~31)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 8)
        if let old = entries[number].memory {
            memory.copyMemory(from: old, byteCount: min(capacity, Int(entries[number].keyCount)))
            old.deallocate()
        }
        entries[number].memory = memory
        entries[number].capacity = Int32(clamping: wanted)
        bytes += wanted - capacity
    }

    /// Makes a key the newest.
    func renew(_ number: Int) {
        unlink(number)
        linkAsNewest(number)
    }

    /// Its memory waits for another key, as long as no more is spare than is in use, or little.
    func remove(_ number: Int) {
        erase(number)
        unlink(number)
        if entries.count - count > max(count, 1_024), let memory = entries[number].memory {
            memory.deallocate()
            bytes -= Int(entries[number].capacity)
            entries[number].memory = nil
            entries[number].capacity = 0
        }
        entries[number].newer = firstFree
        firstFree = Int32(number)
        count -= 1
    }

    /// Gives all memory back.
    func removeAll() {
        for entry in entries { entry.memory?.deallocate() }
        entries = []
        index = Array(repeating: Self.none, count: 16)
        (firstFree, oldestEntry, newestEntry, count, bytes) = (Self.none, Self.none, Self.none, 0, 0)
    }

    // MARK: Finding

    private func insert(_ number: Int32, hash: Int) {
        var slot = hash & (index.count - 1)
        while index[slot] != Self.none { slot = (slot + 1) & (index.count - 1) }
        index[slot] = number
    }

    private func grow() {
        let old = index
        index = Array(repeating: Self.none, count: old.count * 2)
        for number in old where number != Self.none { insert(number, hash: entries[Int(number)].hash) }
    }

    /// Takes a number out and moves those behind it up, so that no search ends early.
    private func erase(_ number: Int) {
        let mask = index.count - 1
        var slot = entries[number].hash & mask
        while index[slot] != Int32(number) {
            guard index[slot] != Self.none else { return }
            slot = (slot + 1) & mask
        }
        var hole = slot
        var next = (hole + 1) & mask
        while index[next] != Self.none {
            let home = entries[Int(index[next])].hash & mask
            // Whether it may stand in the hole: its home doesn't lie between the hole and where it is.
            if (next &- home) & mask >= (next &- hole) & mask {
                index[hole] = index[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        index[hole] = Self.none
    }

    // MARK: Order

    private func linkAsNewest(_ number: Int) {
        entries[number].older = newestEntry
        entries[number].newer = Self.none
        if newestEntry != Self.none { entries[Int(newestEntry)].newer = Int32(number) } else { oldestEntry = Int32(number) }
        newestEntry = Int32(number)
    }

    private func unlink(_ number: Int) {
        let (older, newer) = (entries[number].older, entries[number].newer)
        if older != Self.none { entries[Int(older)].newer = newer } else { oldestEntry = newer }
        if newer != Self.none { entries[Int(newer)].older = older } else { newestEntry = older }
    }
}
