/// A number for the content of a file.
enum Fingerprint {
    /// FNV-1a over words: tells contents apart that are not made to be taken for each other. Who makes two such plugins has one of them
    /// run in place of the other, and both are theirs.
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var place = 0
        while place + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)) &* 0x100_0000_01B3
            // Multiplying carries upwards only.
            hash ^= hash >> 29
            place += 8
        }
        for byte in bytes[place...] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash ^ hash >> 32
    }
}
