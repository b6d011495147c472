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

    /// Letters, digits, `.`, `_` and `-`.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
