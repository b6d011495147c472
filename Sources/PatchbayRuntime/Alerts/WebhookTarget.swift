import Foundation

/// Why a webhook's URL or header can't be used. Contains no secret: neither the URL nor a header's value.
struct WebhookProblem: Error, Equatable, CustomStringConvertible {
    let description: String
    /// The same about the URL, beginning with a verb; `nil` when it is about a header.
    let aboutURL: String?

    fileprivate init(url problem: String) {
        description = "the URL \(problem)"
        aboutURL = problem
    }

    fileprivate init(header problem: String) {
        description = problem
        aboutURL = nil
    }
}

/// Where alerts are posted to. Prints as its origin only: path, query and credentials may be secrets.
struct WebhookTarget: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without user and password, which are in `headers`.
    let url: URL
    let headers: [(name: String, value: String)]
    /// Scheme, host and port, such as `https://hooks.example:8443`.
    let description: String

    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: ["origin": description]) }

    /// - Parameters:
    ///   - url: `http` or `https`. User and password become an `Authorization` header unless there is one.
    ///   - headers: sent with each request, such as `Authorization`.
    /// - Throws: `WebhookProblem`.
    init(url text: String, headers: [(name: String, value: String)] = []) throws(WebhookProblem) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), var parts = URLComponents(string: text) else {
            throw WebhookProblem(url: "is malformed")
        }
        guard let scheme = parts.scheme?.lowercased() else {
            throw WebhookProblem(url: "must begin with http:// or https://")
        }
        guard scheme == "http" || scheme == "https" else {
            // A scheme can be a secret's first half when somebody pasted the wrong thing, so it isn't repeated.
            throw WebhookProblem(url: "must be http or https")
        }
        guard let host = parts.host, !host.isEmpty else { throw WebhookProblem(url: "has no host") }
        if let port = parts.port, !(1...65_535).contains(port) {
            throw WebhookProblem(url: "has a port that is not in 1...65535")
        }
        var sent = headers
        for header in headers { try Self.check(header) }
        if parts.user != nil || parts.password != nil {
            if !headers.contains(where: { $0.name.lowercased() == "authorization" }) {
                let pair = "\(parts.user ?? ""):\(parts.password ?? "")"
                sent.append(("Authorization", "Basic \(Data(pair.utf8).base64EncodedString())"))
            }
            parts.user = nil
            parts.password = nil
        }
        parts.scheme = scheme
        parts.fragment = nil
        guard let url = parts.url else { throw WebhookProblem(url: "is malformed") }
        self.url = url
        self.headers = sent
        let shownHost = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        description = "\(scheme)://\(shownHost)\(parts.port.map { ":\($0)" } ?? "")"
    }

    /// What is wrong with a webhook's URL, beginning with a verb, for a check of the configuration; `nil` when nothing is.
    static func problem(url: String) -> String? {
        do throws(WebhookProblem) {
            _ = try WebhookTarget(url: url)
            return nil
        } catch {
            return error.aboutURL ?? error.description
        }
    }

    /// What is wrong with a header, without its value; `nil` when nothing is.
    static func problem(header: (name: String, value: String)) -> String? {
        do throws(WebhookProblem) {
            try check(header)
            return nil
        } catch {
            return error.description
        }
    }

    /// Headers that the request has anyway or that would change how it is framed.
    private static let reserved: Set<String> = [
        "connection", "content-length", "content-type", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    private static func check(_ header: (name: String, value: String)) throws(WebhookProblem) {
        let punctuation = "!#$%&'*+-.^_`|~".utf8
        let isToken =
            !header.name.isEmpty
            && header.name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: punctuation.contains(byte)
                }
            }
        guard isToken else { throw WebhookProblem(header: "a header's name is malformed") }
        guard !reserved.contains(header.name.lowercased()) else {
            throw WebhookProblem(header: "the header \(header.name.prefix(100)) can't be set")
        }
        guard header.value.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 < 0x7F) }) else {
            throw WebhookProblem(header: "the value of the header \(header.name.prefix(100)) has characters that can't be sent")
        }
    }

    static func == (left: WebhookTarget, right: WebhookTarget) -> Bool {
        left.url == right.url && left.headers.elementsEqual(right.headers, by: ==)
    }
}
