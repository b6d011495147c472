import NIOCore
import NIOHTTP1

/// How a request to a webhook ended.
enum WebhookAnswer: Sendable, Equatable {
    case answered(status: Int, retryAfter: String?)
    /// - Parameters:
    ///   - reason: without any part of the URL.
    ///   - mayHaveArrived: false when the request was surely never read by the receiver.
    case failed(reason: String, mayHaveArrived: Bool)
}

/// Posts bodies to a target, one request at a time, and doesn't decide anything.
struct WebhookTransport: Sendable {
    /// What a receiver has to say is not read, and more of it than this not even waited for.
    private static let largestAnswer = 64 << 10

    let target: WebhookTarget
    /// Until the answer is complete, not only until its first byte.
    let timeout: Duration
    let userAgent: String
    let http: OutgoingHTTP

    /// Ends early, as a failure, when the task is cancelled.
    func post(_ body: [UInt8]) async -> WebhookAnswer {
        let request = OutgoingHTTP.Request(
            method: .POST, url: target.url,
            headers: [("Accept", "*/*"), ("Content-Type", "application/json"), ("User-Agent", userAgent)] + target.headers,
            body: body, timeout: timeout, largestAnswer: Self.largestAnswer)
        do throws(OutgoingHTTP.Failure) {
            // The status decides, even if the rest of the answer never comes.
            let answer = try await http.send(request)
            return .answered(status: answer.status, retryAfter: answer.headers.first(name: "Retry-After"))
        } catch {
            return .failed(reason: error.reason, mayHaveArrived: error.mayHaveArrived)
        }
    }
}
