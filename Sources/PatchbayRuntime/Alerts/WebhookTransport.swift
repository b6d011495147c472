import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Posts bodies to a target, one request at a time, and doesn't decide anything.
struct WebhookTransport: Sendable {
    let target: WebhookTarget
    /// Until the answer is complete, not only until its first byte.
    let timeout: Duration
    let userAgent: String

    /// Ends early, as a failure, when the task is cancelled.
    func post(_ body: Data) async -> WebhookAnswer {
        var request = URLRequest(url: target.url)
        request.httpMethod = "POST"
        request.httpBody = body
        // Foundation's counts from the last byte, so that a receiver which trickles would never time out; this one is
        // only a safety net for the deadline below.
        request.timeoutInterval = timeout / .seconds(1) + 5
        request.cachePolicy = .reloadIgnoringLocalCacheData
        request.httpShouldHandleCookies = false
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue(userAgent, forHTTPHeaderField: "User-Agent")
        for header in target.headers { request.setValue(header.value, forHTTPHeaderField: header.name) }

        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        let exchange = Exchange()
        // A session per request: alerts are rare, and no idle connection can have gone stale in between.
        let session = URLSession(configuration: configuration, delegate: exchange, delegateQueue: nil)
        defer { session.finishTasksAndInvalidate() }
        let task = session.dataTask(with: request)
        let deadline = DispatchWorkItem { exchange.end(.timedOut, task) }
        DispatchQueue.global(qos: .utility).asyncAfter(
            deadline: .now() + .milliseconds(Int(timeout / .milliseconds(1))), execute: deadline)
        defer { deadline.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                exchange.begin(continuation)
                task.resume()
            }
        } onCancel: {
            exchange.end(.cancelled, task)
        }
    }

    /// One request and its answer.
    ///
    /// Thread: the session's delegate queue, the deadline's and the cancelling one; `lock` keeps them apart.
    private final class Exchange: NSObject, URLSessionDataDelegate, @unchecked Sendable {
        // Sound: all state is touched under `lock`.
        enum Ending { case timedOut, cancelled }

        /// What a receiver has to say is not read, and more of it than this not even waited for.
        private static let largestAnswer = 64 << 10

        private let lock = NSLock()
        private var continuation: CheckedContinuation<WebhookAnswer, Never>?
        private var early: WebhookAnswer?
        private var isOver = false
        private var status: Int?
        private var retryAfter: String?
        private var received = 0

        func begin(_ continuation: CheckedContinuation<WebhookAnswer, Never>) {
            let answer = lock.withLock { () -> WebhookAnswer? in
                if let early { return early }
                self.continuation = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }

        func end(_ ending: Ending, _ task: URLSessionTask) {
            finish(.failed(reason: ending == .timedOut ? "no answer in time" : "cancelled", mayHaveArrived: true))
            task.cancel()
        }

        /// The status decides as soon as it is known, even if the rest of the answer never comes.
        private func finish(_ failure: WebhookAnswer) {
            let waiting = lock.withLock { () -> (CheckedContinuation<WebhookAnswer, Never>, WebhookAnswer)? in
                guard !isOver else { return nil }
                isOver = true
                let answer = status.map { WebhookAnswer.answered(status: $0, retryAfter: retryAfter) } ?? failure
                guard let continuation else {
                    early = answer
                    return nil
                }
                self.continuation = nil
                return (continuation, answer)
            }
            if let (continuation, answer) = waiting { continuation.resume(returning: answer) }
        }

        func urlSession(
            _: URLSession, task _: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
            newRequest _: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
        ) {
            // A redirect would carry the secret headers to the host that the answer names.
            note(response)
            completionHandler(nil)
        }

        func urlSession(
            _: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
            completionHandler: @escaping (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
        ) {
            // Whether a server is trusted is for the system to say.
            guard let response = challenge.failureResponse as? HTTPURLResponse else {
                return completionHandler(.performDefaultHandling, nil)
            }
            // A 401: there are no other credentials than those it has refused, and on Linux the default handling never
            // completes.
            note(response)
            finish(.failed(reason: "credentials refused", mayHaveArrived: true))
            completionHandler(.cancelAuthenticationChallenge, nil)
            task.cancel()
        }

        func urlSession(
            _: URLSession, dataTask _: URLSessionDataTask, didReceive response: URLResponse,
            completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
        ) {
            if let response = response as? HTTPURLResponse { note(response) }
            completionHandler(.allow)
        }

        private func note(_ response: HTTPURLResponse) {
            lock.withLock {
                status = response.statusCode
                retryAfter = response.value(forHTTPHeaderField: "Retry-After")
            }
        }

        func urlSession(_: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
            let isTooMuch = lock.withLock {
                received += data.count
                return received > Self.largestAnswer
            }
            guard isTooMuch else { return }
            finish(.failed(reason: "the answer is too large", mayHaveArrived: true))
            dataTask.cancel()
        }

        func urlSession(_: URLSession, task _: URLSessionTask, didCompleteWithError error: (any Error)?) {
            // The error's own words name the whole URL, secrets included.
            let (reason, mayHaveArrived) = error.map(Self.describe) ?? ("no answer", true)
            finish(.failed(reason: reason, mayHaveArrived: mayHaveArrived))
        }

        private static func describe(_ error: any Error) -> (String, Bool) {
            guard let code = (error as? URLError)?.code else { return ("network error", true) }
            return switch code {
            case .cannotConnectToHost: ("can't connect", false)
            case .cannotFindHost, .dnsLookupFailed: ("the host is unknown", false)
            case .notConnectedToInternet: ("no network", false)
            case .timedOut: ("no answer in time", true)
            case .networkConnectionLost: ("the connection was lost", true)
            case .badServerResponse, .cannotParseResponse: ("the answer is not HTTP", true)
            case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
                .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid:
                ("no secure connection (TLS)", false)
            default: ("network error \(code.rawValue)", true)
            }
        }
    }
}
