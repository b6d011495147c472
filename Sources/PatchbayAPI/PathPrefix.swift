/// A path below which a server is reached, such as `/patchbay`.
package enum PathPrefix {
    /// First segments of the paths that the server itself has for clients.
    package static let served: Set<String> = ["asyncapi.json", "channels", "docs", "health", "metrics", "openapi.json", "ws"]

    /// Whether it begins like one of the server's own paths. Below such a prefix, a path that a proxy has taken the prefix from
    /// looks like one that still has it.
    package static func beginsLikeServed(_ path: String) -> Bool {
        let first = path.dropFirst().prefix { $0 != "/" }
        return served.contains { $0.utf8.elementsEqual(first.utf8) }
    }

    /// Whether it is `/` and segments of unreserved characters (RFC 3986, section 2.3), none of them empty, `.` or `..`, and no `/`
    /// at the end: what may go into links and headers as it is.
    package static func isValid(_ path: String) -> Bool {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count >= 2, segments[0].isEmpty else { return false }
        return segments.dropFirst().allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".."
                && segment.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                        true
                    default: false
                    }
                }
        }
    }
}
