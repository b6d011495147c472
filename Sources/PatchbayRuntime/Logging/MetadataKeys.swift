import Logging

/// Metadata as the members of a line: keys in snake case, each once, in a fixed order.
enum MetadataKeys {
    /// The members that every JSON line has of its own.
    private static let reserved: Set<String> = ["timestamp", "level", "logger", "message", "source"]

    /// - Returns: sorted by key. A key that a line has anyway gets the prefix `metadata_`; of two keys that become the
    ///   same one, the later gets a number.
    static func members(_ metadata: Logger.Metadata, top: Bool = true) -> [(key: String, value: Logger.MetadataValue)] {
        var taken: Set<String> = []
        return metadata.sorted { $0.key < $1.key }.map { given, value in
            var key = snakeCase(given)
            if top, reserved.contains(key) { key = "metadata_" + key }
            var unique = key
            var number = 2
            while !taken.insert(unique).inserted {
                unique = "\(key)_\(number)"
                number += 1
            }
            return (unique, value)
        }
    }

    /// `requestID` and `hb.request-id` become `request_id` and `hb_request_id`. Only a–z, 0–9 and `_` are left.
    static func snakeCase(_ key: String) -> String {
        if !key.isEmpty, key.utf8.allSatisfy(isSnake) { return key }
        var result: [UInt8] = []
        var previousWasLower = false
        for scalar in key.unicodeScalars {
            let byte = scalar.isASCII ? UInt8(scalar.value) : UInt8(ascii: "_")
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                if previousWasLower { result.append(UInt8(ascii: "_")) }
                result.append(byte + 32)
                previousWasLower = false
            case _ where isSnake(byte):
                result.append(byte)
                previousWasLower = byte != UInt8(ascii: "_")
            default:
                result.append(UInt8(ascii: "_"))
                previousWasLower = false
            }
        }
        return result.isEmpty ? "_" : String(decoding: result, as: UTF8.self)
    }

    private static func isSnake(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
