import PatchbayAPI

/// What names and networks of what stands before the server may look like.
extension NameRules {
    /// `*`, a host, or `*.` and a host, which is every host below it.
    static func hostPattern(_ text: String) -> Objection? {
        if text.utf8.elementsEqual("*".utf8) { return nil }
        let problem = "must be a host name, such as `patchbay.internal`, `*.internal` or `*`"
        let host = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        if !host.isEmpty, host.utf8.allSatisfy(isOfName) { return nil }
        return Objection(problem, text.contains(":") || text.contains("/") ? "leave out scheme, port and path" : nil)
    }

    /// `/`, or a path of plain segments.
    static func basePath(_ path: String) -> Objection? {
        if path == "/" { return nil }
        if path.utf8.count <= 200 && PathPrefix.isValid(path) {
            guard PathPrefix.beginsLikeServed(path) else { return nil }
            // A proxy may take the base path away, and what is left may look as if it hadn't.
            return Objection("must not begin like a path of the server's own", "take another one, such as `/patchbay`")
        }
        let problem = "must be a path such as `/patchbay`"
        if path.hasSuffix("/") { return Objection(problem, "leave out the `/` at the end") }
        return Objection(problem, path.hasPrefix("/") ? "of letters, digits, `-`, `.`, `_`, `~` and `/`" : "begin with a `/`")
    }

    /// An address or a network of addresses.
    static func network(_ text: String) -> Objection? {
        Network(text) == nil ? Objection("must be an address or a network such as `10.0.0.0/8` or `fd00::/8`", nil) : nil
    }

    /// Letters, digits, `.`, `_` and `-`.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
