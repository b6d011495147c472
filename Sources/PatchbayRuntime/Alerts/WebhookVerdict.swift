import Foundation

/// What follows from an answer.
enum WebhookVerdict: Sendable, Equatable {
    case accepted
    /// The receiver doesn't want this message and won't want it later.
    case refused(status: Int)
    /// - Parameter wait: what the receiver asked for.
    case tryAgain(reason: String, wait: Duration?, mayHaveArrived: Bool)

    /// - Parameters:
    ///   - nowMilliseconds: wall clock, for a `Retry-After` that is a date.
    ///   - longestWait: more isn't waited, whatever the receiver asks for.
    init(_ answer: WebhookAnswer, nowMilliseconds: Int64, longestWait: Duration) {
        switch answer {
        case .answered(200..<300, _): self = .accepted
        case .answered(let status, let retryAfter) where status == 408 || status == 429 || status >= 500:
            let asked = retryAfter.flatMap { Self.wait($0, nowMilliseconds: nowMilliseconds) }
            self = .tryAgain(
                reason: "status \(status)", wait: asked.map { min($0, longestWait) },
                // These three say that nothing was done. Others may come from a gateway or from halfway through.
                mayHaveArrived: status != 408 && status != 429 && status != 503)
        case .answered(let status, _): self = .refused(status: status)
        case .failed(let reason, let mayHaveArrived):
            self = .tryAgain(reason: reason, wait: nil, mayHaveArrived: mayHaveArrived)
        }
    }

    /// Seconds, or a date as HTTP writes it (RFC 9110, 10.2.3); `nil` for anything else.
    static func wait(_ text: String, nowMilliseconds: Int64) -> Duration? {
        let text = text.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // Years; more digits could overflow, and the caller caps it anyway.
            return .seconds(text.utf8.count > 8 ? 99_999_999 : Int(text) ?? 0)
        }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        guard let date = format.date(from: text) else { return nil }
        return max(.zero, .milliseconds(Int64(date.timeIntervalSince1970 * 1000) - nowMilliseconds))
    }
}
