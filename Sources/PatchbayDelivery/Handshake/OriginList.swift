/// Which web pages are meant: origins as browsers send them (`scheme://host`, with `:port` unless it is the scheme's
/// own), `*` for all, `https://*.example.com` for every host below one, `http://localhost:*` for every port. Both stars
/// may be in one.
package struct OriginList: Sendable {
    /// An origin with one star or both.
    private struct Pattern: Sendable {
        /// In front of the hosts' star, or all of it without one.
        var prefix: [UInt8]
        /// Behind the hosts' star: begins with a dot, and has the port when one is written.
        var suffix: [UInt8]
        var takesHosts: Bool
        var takesPorts: Bool

        /// `nil` for a text without stars in these places.
        init?(_ text: String) {
            var text = text[...]
            takesPorts = text.hasSuffix(":*")
            if takesPorts { text = text.dropLast(2) }
            let parts = text.split(separator: "*", omittingEmptySubsequences: false)
            switch parts.count {
            case 1:
                guard takesPorts else { return nil }
                takesHosts = false
            case 2 where parts[0].hasSuffix("://") && parts[1].hasPrefix(".") && parts[1].utf8.count > 1: takesHosts = true
            default: return nil
            }
            prefix = Array(parts[0].utf8)
            suffix = takesHosts ? Array(parts[1].utf8) : []
        }

        /// Whether what stands for the star is what one may stand for: never more than the part it was written in, or
        /// `https://*.example.com` would let `https://evil.example/.example.com` in.
        func matches(_ origin: String) -> Bool {
            var rest = Array(origin.utf8)[...]
            if takesPorts { rest = Self.withoutPort(rest) }
            guard takesHosts else { return rest.elementsEqual(prefix) }
            guard rest.count > prefix.count + suffix.count, rest.starts(with: prefix), rest.suffix(suffix.count).elementsEqual(suffix)
            else { return false }
            return rest.dropFirst(prefix.count).dropLast(suffix.count).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
        }

        /// Every port is also the scheme's own, which browsers leave out.
        private static func withoutPort(_ origin: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
            guard let colon = origin.lastIndex(of: UInt8(ascii: ":")) else { return origin }
            let port = origin[colon...].dropFirst()
            let isPort = !port.isEmpty && port.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return isPort ? origin[..<colon] : origin
        }
    }

    /// Whether every page is allowed.
    package let allowsAll: Bool
    package let isEmpty: Bool
    private let exact: Set<String>
    private let patterns: [Pattern]

    package init(_ origins: [String]) {
        isEmpty = origins.isEmpty
        allowsAll = origins.contains("*")
        let lowercased = origins.map { $0.lowercased() }
        patterns = lowercased.compactMap(Pattern.init)
        // A star in any other place stands for nothing: browsers send none.
        exact = Set(lowercased.filter { Pattern($0) == nil })
    }

    package func allows(_ origin: String) -> Bool {
        if allowsAll { return true }
        // Browsers send lower case already.
        let origin = origin.lowercased()
        return exact.contains(origin) || patterns.contains { $0.matches(origin) }
    }
}
