import Testing

@testable import PatchbayRuntime

@Suite struct WebhookVerdictTests {
    @Test(
        arguments: [
            (200, .accepted), (204, .accepted), (301, .refused(status: 301)), (302, .refused(status: 302)),
            (400, .refused(status: 400)), (401, .refused(status: 401)), (404, .refused(status: 404)),
            (408, .tryAgain(reason: "status 408", wait: nil, mayHaveArrived: false)),
            (429, .tryAgain(reason: "status 429", wait: nil, mayHaveArrived: false)),
            (500, .tryAgain(reason: "status 500", wait: nil, mayHaveArrived: true)),
            (503, .tryAgain(reason: "status 503", wait: nil, mayHaveArrived: false)),
            (504, .tryAgain(reason: "status 504", wait: nil, mayHaveArrived: true)),
        ] as [(Int, WebhookVerdict)])
    func status(_ status: Int, _ expected: WebhookVerdict) {
        let verdict = WebhookVerdict(
            .answered(status: status, retryAfter: nil), nowMilliseconds: 0, longestWait: .seconds(300))
        #expect(verdict == expected)
    }

    @Test(
        arguments: [
            ("0", .zero), ("120", .seconds(120)), (" 7 ", .seconds(7)), ("Sat, 31 Jan 2026 12:00:30 GMT", .seconds(30)),
            ("Sat, 31 Jan 2026 11:00:00 GMT", .zero), ("99999999999999999999", .seconds(99_999_999)), ("soon", nil), ("-5", nil),
            ("", nil), ("1.5", nil),
        ] as [(String, Duration?)])
    func retryAfter(_ text: String, _ expected: Duration?) {
        #expect(WebhookVerdict.wait(text, nowMilliseconds: 1_769_860_800_000) == expected)
    }

    @Test func waitsNoLongerThanTheCap() {
        let verdict = WebhookVerdict(
            .answered(status: 429, retryAfter: "86400"), nowMilliseconds: 0, longestWait: .seconds(300))
        #expect(verdict == .tryAgain(reason: "status 429", wait: .seconds(300), mayHaveArrived: false))
    }
}
