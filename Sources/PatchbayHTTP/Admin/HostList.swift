import PatchbayDelivery

/// Hosts that requests may be for, against DNS rebinding: a web page whose own name is made to lead to our address would be
/// read by its scripts as their own server. Addresses are always right, since a page can't own one; of names only those listed.
struct HostList: Sendable {
    private let allowsAll: Bool
    private let exact: Set<String>
    /// Each begins with a dot.
    private let suffixes: [String]

    /// - Parameter names: `name`, `*.name` for every host below one, or `*` for all; `localhost` is among them anyway.
    init(_ names: [String]) {
        allowsAll = names.contains("*")
        // The dot that makes a name absolute is dropped from requests' hosts, too.
        let names = names.map { $0.hasSuffix(".") ? String($0.lowercased().dropLast()) : $0.lowercased() }
        exact = Set(names.filter { !$0.hasPrefix("*") }).union(["localhost"])
        suffixes = names.filter { $0.hasPrefix("*.") }.map { String($0.dropFirst()) } + [".localhost"]
    }

    /// - Parameter authority: the value of `Host`, or what an origin has behind `://`: a host, perhaps with a port.
    func allows(_ authority: String) -> Bool {
        guard !allowsAll else { return true }
        guard let host = Self.host(of: authority) else { return false }
        return Self.isAddress(host) || exact.contains(host) || suffixes.contains { host.hasSuffix($0) && host.count > $0.count }
    }

    /// The host in lower case, without its port and without the dot that makes a name absolute; `nil` when it is none.
    private static func host(of authority: String) -> String? {
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
        let text = authority.lowercased()
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || isPort(rest) else { return nil }
            return String(text[...end])
        }
        guard let colon = text.firstIndex(of: ":") else { return withoutDot(text[...]) }
        return isPort(text[colon...]) ? withoutDot(text[..<colon]) : nil
    }

    private static func withoutDot(_ host: Substring) -> String? {
        let host = host.hasSuffix(".") ? host.dropLast() : host
        return host.isEmpty ? nil : String(host)
    }

    /// `:` and digits.
    private static func isPort(_ text: Substring) -> Bool {
        text.hasPrefix(":") && text.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }

    /// `[…]` with an IPv6 address, or four numbers. Nothing else that a resolver might take for an address: browsers write
    /// those in this form.
    private static func isAddress(_ host: String) -> Bool {
        if host.hasPrefix("[") {
            return host.utf8.dropFirst().dropLast().allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: ":"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
        }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
