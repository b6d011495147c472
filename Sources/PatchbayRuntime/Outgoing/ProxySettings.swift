import AsyncHTTPClient
import Foundation
import PatchbayAPI

/// Proxies for outgoing requests, as the environment names them and as curl reads it: `https_proxy`, `http_proxy`, `all_proxy` and
/// `no_proxy`. All may be in capitals but `http_proxy`: programs behind a web server are handed a client's header `Proxy` under
/// that name.
struct ProxySettings: Sendable {
    private let https: String?
    private let http: String?
    private let exceptions: [Substring]

    init(environment: [String: String]) {
        func value(_ names: String...) -> String? { names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } }
        let all = value("all_proxy", "ALL_PROXY")
        https = value("https_proxy", "HTTPS_PROXY") ?? all
        http = value("http_proxy") ?? all
        exceptions = (value("no_proxy", "NO_PROXY") ?? "").split { $0 == "," || $0.isWhitespace }
    }

    /// The proxy to use for a URL; `nil` for none.
    ///
    /// - Throws: when what the environment names is no proxy that can be used. Going around it could be what it is there to prevent.
    func proxy(for url: URL) throws(OutgoingHTTP.Failure) -> HTTPClient.Configuration.Proxy? {
        guard let text = url.scheme?.lowercased() == "https" ? https : http, let host = url.host, !isException(host) else { return nil }
        guard let proxy = Self.proxy(text) else {
            throw OutgoingHTTP.Failure(reason: "the proxy that the environment names can't be used", mayHaveArrived: false)
        }
        return proxy
    }

    /// Names match with everything below them, addresses also by network.
    private func isException(_ host: String) -> Bool {
        let host = host.lowercased().trimmingCharacters(in: ["[", "]"])
        let address = InternetAddress(host)
        return exceptions.contains { exception in
            if exception == "*" { return true }
            if let address, let network = Network(String(exception).trimmingCharacters(in: ["[", "]"])) {
                return network.contains(address)
            }
            let name = String(exception.lowercased().trimmingPrefix("."))
            return !name.isEmpty && (host == name || host.hasSuffix(".\(name)"))
        }
    }

    /// `http://user:password@host:port`, `host:port`, `socks5://host:port`; `nil` for anything else.
    private static func proxy(_ text: String) -> HTTPClient.Configuration.Proxy? {
        guard let parts = URLComponents(string: text.contains("://") ? text : "http://\(text)"), let name = parts.host, !name.isEmpty
        else { return nil }
        let host = name.trimmingCharacters(in: ["[", "]"])
        // Of a proxy without a port curl takes this one for all kinds.
        let port = parts.port ?? 1080
        switch parts.scheme?.lowercased() {
        case "http":
            guard parts.user != nil || parts.password != nil else { return .server(host: host, port: port) }
            return .server(
                host: host, port: port, authorization: .basic(username: parts.user ?? "", password: parts.password ?? ""))
        case "socks5", "socks5h": return parts.user == nil ? .socksServer(host: host, port: port) : nil
        default: return nil
        }
    }
}
