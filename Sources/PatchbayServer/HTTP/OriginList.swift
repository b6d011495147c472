/// Which web pages are meant: origins as browsers send them (`scheme://host`, with `:port` unless it is the scheme's
/// own), `*` for all, `https://*.example.com` for every host below one, `http://localhost:*` for every port.
struct OriginList: Sendable {
    /// A pattern's text on both sides of its star.
    private struct Pattern: Sendable {
        enum Star: Sendable { case hosts, port }

        var prefix: String
        var suffix: String
        var star: Star

        /// Whether what stands for the star is what one may stand for: never more than the part it was written in, or
        /// `https://*.example.com` would let `https://evil.example/.example.com` in.
        func matches(_ origin: String) -> Bool {
            // Every port is also the scheme's own, which browsers leave out.
            if star == .port, origin.utf8.elementsEqual(prefix.utf8.dropLast()) { return true }
            guard origin.utf8.count > prefix.utf8.count + suffix.utf8.count, origin.hasPrefix(prefix),
                origin.hasSuffix(suffix)
            else { return false }
            return origin.utf8.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count).allSatisfy { byte in
                switch (byte, star) {
                case (UInt8(ascii: "0")...UInt8(ascii: "9"), _): true
                case (UInt8(ascii: "a")...UInt8(ascii: "z"), .hosts), (UInt8(ascii: "-"), .hosts),
                    (UInt8(ascii: "."), .hosts):
                    true
                default: false
                }
            }
        }
    }

    /// Whether every page is allowed.
    let allowsAll: Bool
    let isEmpty: Bool
    private let exact: Set<String>
    private let patterns: [Pattern]

    init(_ origins: [String]) {
        isEmpty = origins.isEmpty
        allowsAll = origins.contains("*")
        let lowercased = origins.map { $0.lowercased() }
        patterns = lowercased.compactMap(Self.pattern)
        // A star in any other place stands for nothing: browsers send none.
        exact = Set(lowercased.filter { Self.pattern($0) == nil })
    }

    func allows(_ origin: String) -> Bool {
        if allowsAll { return true }
        // Browsers send lower case already.
        let origin = origin.lowercased()
        return exact.contains(origin) || patterns.contains { $0.matches(origin) }
    }

    private static func pattern(_ text: String) -> Pattern? {
        let parts = text.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return nil }
        if parts[0].hasSuffix("://"), parts[1].hasPrefix("."), parts[1].utf8.count > 1 {
            return Pattern(prefix: parts[0], suffix: parts[1], star: .hosts)
        }
        if parts[1].isEmpty, parts[0].hasSuffix(":") {
            return Pattern(prefix: parts[0], suffix: "", star: .port)
        }
        return nil
    }
}
