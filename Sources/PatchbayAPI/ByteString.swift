#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Text that equals another one only when its UTF-8 bytes do: names of channels and fields, keys, values.
///
/// `String` holds canonically equal texts for equal: "é" as one character or as "e" with an accent, "K" and the Kelvin
/// sign. Kafka, JSON and the clients that subscribe compare bytes, so what names a thing here does as well: dictionaries
/// and sets of such names have this type as their key.
///
/// Thread: any. Immutable.
public struct ByteString: Sendable {
    /// The text itself.
    public let string: String

    public init(_ string: String) { self.string = string }

    /// Bytes of its UTF-8.
    public var count: Int { string.utf8.count }
}

extension ByteString: Hashable {
    public static func == (left: ByteString, right: ByteString) -> Bool { left.string.hasSameBytes(as: right.string) }

    public func hash(into hasher: inout Hasher) {
        let isHashed: Void? = string.utf8.withContiguousStorageIfAvailable { bytes in
            hasher.combine(bytes.count)
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
        if isHashed == nil { hash(Array(string.utf8), into: &hasher) }
    }

    /// For texts that aren't stored as UTF-8, which come from other languages' libraries.
    private func hash(_ bytes: [UInt8], into hasher: inout Hasher) {
        hasher.combine(bytes.count)
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension ByteString: Comparable {
    /// By their bytes, which is by their code points.
    public static func < (left: ByteString, right: ByteString) -> Bool { left.string.precedesByBytes(right.string) }
}

extension ByteString: ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) { string = value }
}

extension ByteString: CustomStringConvertible {
    public var description: String { string }
}

extension ByteString: Codable {
    public init(from decoder: any Decoder) throws { string = try decoder.singleValueContainer().decode(String.self) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(string)
    }
}

/// In JSON, a dictionary with such keys is an object.
extension ByteString: CodingKeyRepresentable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public var codingKey: any CodingKey { Key(stringValue: string) }

    public init?<T: CodingKey>(codingKey: T) { string = codingKey.stringValue }
}

extension String {
    /// Whether both are the same in UTF-8, byte for byte; `==` takes canonically equal texts for equal.
    public func hasSameBytes(as other: String) -> Bool {
        // Most texts that are compared differ in length, which is known without looking at them.
        guard utf8.count == other.utf8.count else { return false }
        return withBytes(of: other) { $0.count == $1.count && order($0, $1, count: $0.count) == 0 }
            ?? utf8.elementsEqual(other.utf8)
    }

    /// Whether it comes first in the order of UTF-8's bytes.
    fileprivate func precedesByBytes(_ other: String) -> Bool {
        withBytes(of: other) { left, right in
            let order = order(left, right, count: min(left.count, right.count))
            return order < 0 || (order == 0 && left.count < right.count)
        } ?? utf8.lexicographicallyPrecedes(other.utf8)
    }

    /// `nil` when one of them isn't stored as UTF-8. The buffers are valid during the call.
    private func withBytes(
        of other: String, _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Bool? {
        utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { right in body(left, right) }
        } ?? nil
    }
}

/// Sorting ten thousand names byte by byte takes as long as writing the page of metrics that they are sorted for.
private func order(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>, count: Int) -> Int32 {
    // An empty buffer may have no address.
    guard count > 0, let left = left.baseAddress, let right = right.baseAddress else { return 0 }
    return memcmp(left, right, count)
}

extension String {
    /// The names of a path such as `outer.inner`, empty ones included. By bytes: a point with an accent behind it separates.
    public var pathNames: [String] {
        utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
}

extension Sequence<String> {
    /// The same for every element, in order.
    public func hasSameBytes(as other: some Sequence<String>) -> Bool {
        elementsEqual(other) { $0.hasSameBytes(as: $1) }
    }

    /// Whether one of them is `text`, byte for byte.
    public func containsBytes(of text: String) -> Bool { contains { $0.hasSameBytes(as: text) } }

    /// In the order of their bytes.
    public func sortedByBytes() -> [String] { sorted { $0.precedesByBytes($1) } }
}
