/// Names whose values are secret although no field says so: librdkafka's properties, and keys with a slip in them.
enum SecretNames {
    /// Parts of names. The last two are librdkafka's (2.0.2, CONFIGURATION.md) and carry a key and client credentials.
    private static let words = ["password", "passwd", "passphrase", "secret", "private_key", "ssl.key.pem", "oauthbearer.config"]
        .map { Array($0.utf8) }

    static func contains(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        return bytes.indices.contains { end(ofWordIn: bytes, at: $0) != nil }
    }

    /// Whether a line of a file gives such a name a value: `sasl.password: …`, also inside `{ }`. Needed where the
    /// text could not be parsed, so that nobody knows which field it is.
    static func occursAsKey(in line: String) -> Bool {
        let bytes = Array(line.utf8)
        for start in bytes.indices {
            guard var index = end(ofWordIn: bytes, at: start) else { continue }
            while index < bytes.count, isNameByte(bytes[index]) { index += 1 }
            while index < bytes.count, [0x22, 0x27, 0x20, 0x09].contains(bytes[index]) { index += 1 }
            if index < bytes.count, bytes[index] == 0x3A { return true }
        }
        return false
    }

    private static func end(ofWordIn bytes: [UInt8], at start: Int) -> Int? {
        for word in words where word.count <= bytes.count - start {
            let isHere = word.indices.allSatisfy { lowercased(bytes[start + $0]) == word[$0] }
            if isHere { return start + word.count }
        }
        return nil
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}

/// What stands for a value that must not be shown.
package enum SecretMask {
    package static let text = "***"
}
