/// Names one HTTP request: the client's word for it if that is a sane one, so that it can be found in several logs.
package enum RequestID {
    package static let header = "X-Request-Id"
    private static let longest = 64

    /// - Parameter given: the request's own `X-Request-Id`.
    package static func of(_ given: String?) -> String {
        if let given, isSane(given) { return given }
        return ConnectionID.random().description
    }

    /// Whether it may go into logs and headers as it is.
    static func isSane(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= longest
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
