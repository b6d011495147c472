/// A set of token or wallet addresses that is asked with borrowed bytes, without copying them.
///
/// Addresses that begin with `0x` are hexadecimal and compare without regard to case (EIP-55 uses case as a checksum
/// only); all others, such as base58 ones, compare exactly.
///
/// Thread: any. Immutable.
public struct AddressSet: Sendable {
    /// Folded addresses by the low bits of their hash; at most half of the places are taken.
    private let places: [[UInt8]?]

    public init(_ addresses: [String]) {
        var size = 4
        while size < 2 * addresses.count { size *= 2 }
        var places = [[UInt8]?](repeating: nil, count: size)
        for address in addresses {
            var bytes = Array(address.utf8)
            if bytes.withUnsafeBytes(Self.isHexadecimal) { bytes = bytes.map(Self.lowercased) }
            var place = bytes.withUnsafeBytes { Self.hash($0, folding: false) } & (size - 1)
            while let taken = places[place], taken != bytes { place = (place + 1) & (size - 1) }
            places[place] = bytes
        }
        self.places = places
    }

    public func contains(_ address: UnsafeRawBufferPointer) -> Bool {
        let folds = Self.isHexadecimal(address)
        var place = Self.hash(address, folding: folds) & (places.count - 1)
        while let candidate = places[place] {
            if Self.equal(candidate, address, folding: folds) { return true }
            place = (place + 1) & (places.count - 1)
        }
        return false
    }

    private static func equal(_ folded: [UInt8], _ address: UnsafeRawBufferPointer, folding: Bool) -> Bool {
        guard folded.count == address.count else { return false }
        for index in folded.indices {
            let byte = folding ? lowercased(address[index]) : address[index]
            if folded[index] != byte { return false }
        }
        return true
    }

    private static func isHexadecimal(_ address: UnsafeRawBufferPointer) -> Bool {
        address.count >= 2 && address[0] == UInt8(ascii: "0") && address[1] | 0x20 == UInt8(ascii: "x")
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    /// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/).
    private static func hash(_ address: UnsafeRawBufferPointer, folding: Bool) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in address {
            hash = (hash ^ UInt64(folding ? lowercased(byte) : byte)) &* 0x100_0000_01b3
        }
        // Multiplication only carries upwards; fold the high half back into the bits that are used.
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & 0x7fff_ffff)
    }
}
