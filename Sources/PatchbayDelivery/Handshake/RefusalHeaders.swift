package import NIOHTTP1
import PatchbayAPI
import PatchbayCore

/// Headers of answers that refuse a connection.
package enum RefusalHeaders {
    package static func of(_ status: HTTPResponseStatus) -> HTTPHeaders {
        var headers: HTTPHeaders = [
            "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Connection": "close",
            "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Date": HTTPDate.now(),
        ]
        switch status {
        case .upgradeRequired:
            headers.add(name: "Upgrade", value: "websocket")
            headers.add(name: "Sec-WebSocket-Version", value: "13")
        case .serviceUnavailable: headers.add(name: "Retry-After", value: "5")
        // Connections that are in the way have to end first.
        case .tooManyRequests: headers.add(name: "Retry-After", value: "30")
        default: break
        }
        return headers
    }
}

/// The JSON that every HTTP error carries.
package enum ErrorBody {
    /// - Parameters:
    ///   - code: a stable word for programs.
    ///   - message: a sentence for people.
    package static func json(code: String, message: String) -> String {
        "{\"error\":\(JSONLiteral.quoted(message)),\"code\":\(JSONLiteral.quoted(code))}"
    }
}
