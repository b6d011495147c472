import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import PatchbayRuntime

@Suite struct WebhookTests {
    /// A webhook with short pauses, and what it logs.
    private struct Rig {
        let receiver: ScriptedReceiver
        let log = CapturedLog()
        let webhook: Webhook
        private let http = OutgoingHTTP.direct()

        init(
            _ script: [ScriptedReceiver.Reply] = [], timeout: Duration = .seconds(3600), query: String = "",
            longestRetryAfter: Duration = .milliseconds(50), headers: [(name: String, value: String)] = []
        ) throws {
            receiver = try ScriptedReceiver(script)
            webhook = Webhook(
                target: try WebhookTarget(url: receiver.url + query, headers: headers), node: "node-1", http: http, version: "1.2.3",
                settings: .init(
                    timeout: timeout, firstDelay: .milliseconds(2), longestDelay: .milliseconds(10),
                    longestRetryAfter: longestRetryAfter),
                logger: log.logger)
            webhook.start()
        }

        func stop() async {
            await webhook.stop()
            await http.close()
            receiver.stop()
        }
    }

    @Test func postsStartAndEndAsDocumented() async throws {
        let rig = try Rig(headers: [("Authorization", "Bearer t"), ("X-Team", "data")])
        let alert = Alert.make()
        rig.webhook.post(.started(alert))
        try await eventually("the start arrives") { rig.webhook.counters.sent == 1 }
        rig.webhook.post(.end(alert))
        try await eventually("the end arrives") { rig.webhook.counters.sent == 2 }
        await rig.stop()
        let (first, second) = try #require(rig.receiver.requests.count == 2 ? (rig.receiver.requests[0], rig.receiver.requests[1]) : nil)
        #expect(first.line == "POST /hook HTTP/1.1")
        #expect(first.headers["content-type"] == "application/json")
        #expect(first.headers["authorization"] == "Bearer t")
        #expect(first.headers["x-team"] == "data")
        #expect(
            String(decoding: first.body, as: UTF8.self)
                == #"{"alert":"lag","cluster":"main","id":"lag/main/trades/1769860800000","lag":2000,"node":"node-1","#
                + #""partitions_assigned":3,"partitions_total":3,"patchbay_version":"1.2.3","peak_lag":2000,"#
                + #""since":"2026-01-31T12:00:00.000Z","status":"firing","#
                + #""summary":"node-1: lag of topic trades on cluster main is 2000 records, over the threshold of 1000","#
                + #""threshold":1000,"topic":"trades","version":1}"#)
        #expect(second.json["status"] as? String == "resolved")
        #expect(second.json["ended_at"] as? String == "2026-01-31T12:01:30.000Z")
        #expect(second.json["id"] as? String == alert.id)
        #expect(rig.log.lines == [])
    }

    @Test func keepsTryingWhileTheReceiverIsUnwell() async throws {
        let rig = try Rig([
            .status(500), .status(503, headers: ["Retry-After": "1000"]), .hangUp, .notHTTP, .status(429), .status(408),
            .status(200),
        ])
        rig.webhook.post(.started(.make()))
        try await eventually("it arrives at last") { rig.webhook.counters.sent == 1 }
        #expect(rig.receiver.words == Array(repeating: "firing trades", count: 7))
        #expect(rig.webhook.counters == .init(sent: 1, failedAttempts: 6))
        await rig.stop()
        #expect(rig.log.lines.first?.hasPrefix("warning the alert webhook could not be reached; retrying") == true)
        #expect(rig.log.lines.first?.contains("reason=status 500") == true)
        #expect(rig.log.lines.last?.hasPrefix("info the alert webhook answers again failed_attempts=6") == true)
    }

    @Test func waitsAsLongAsItIsAskedTo() async throws {
        let time = Mutex((now: ContinuousClock.now, slept: [Duration]()))
        let receiver = try ScriptedReceiver([.status(503, headers: ["Retry-After": "120"])])
        let webhook = Webhook(
            target: try WebhookTarget(url: receiver.url), node: "n", http: .direct(),
            clock: AlertClock(
                now: { time.withLock { $0.now } }, wallMilliseconds: { 0 },
                sleep: { interval in
                    time.withLock { time in
                        time.now += interval
                        time.slept.append(interval)
                    }
                }),
            random: { 0 }, logger: CapturedLog().logger)
        webhook.start()
        webhook.post(.started(.make()))
        try await eventually("it arrives") { webhook.counters.sent == 1 }
        #expect(time.withLock { $0.slept } == [.seconds(120)])
        await webhook.stop()
        receiver.stop()
    }

    @Test(arguments: [400, 401, 404, 410]) func aRefusalIsFinal(status: Int) async throws {
        let headers = status == 401 ? ["WWW-Authenticate": "Basic realm=\"x\""] : [:]
        let rig = try Rig([.status(status, headers: headers)])
        let alert = Alert.make()
        rig.webhook.post(.started(alert))
        try await eventually("it is given up") { rig.webhook.counters.dropped == 1 }
        rig.webhook.post(.end(alert))
        rig.webhook.post(.started(.make(topic: "other")))
        try await eventually("others are told") { rig.webhook.counters.sent == 1 }
        #expect(rig.receiver.words == ["firing trades", "firing other"])
        #expect(rig.webhook.counters == .init(sent: 1, failedAttempts: 0, dropped: 2))
        await rig.stop()
        #expect(rig.log.lines.contains { $0.contains("an alert was not delivered") && $0.contains("refused with status \(status)") })
    }

    @Test func redirectsAreNotFollowed() async throws {
        let elsewhere = try ScriptedReceiver()
        for status in [301, 302, 303, 307, 308] {
            let rig = try Rig(
                [.status(status, headers: ["Location": elsewhere.url])], headers: [("Authorization", "Bearer secret")])
            rig.webhook.post(.started(.make()))
            try await eventually("it is given up") { rig.webhook.counters.dropped == 1 }
            #expect(rig.receiver.requests.count == 1)
            await rig.stop()
        }
        #expect(elsewhere.requests.isEmpty)
        elsewhere.stop()
    }

    @Test(arguments: [ScriptedReceiver.Reply.silence, .trickle])
    func anAnswerThatNeverComesIsNotWaitedForForever(reply: ScriptedReceiver.Reply) async throws {
        let rig = try Rig([reply], timeout: .milliseconds(300))
        rig.webhook.post(.started(.make()))
        try await eventually("the first attempt fails") { rig.webhook.counters.failedAttempts >= 1 }
        try await eventually("the second attempt arrives") { rig.webhook.counters.sent == 1 }
        #expect(rig.log.lines.contains { $0.contains("reason=no answer in time") })
        await rig.stop()
    }

    @Test func anAlertThatIsOverBeforeItCouldBeDeliveredIsNotTold() async throws {
        let rig = try Rig()
        // Nobody listens, so that surely nothing arrives.
        rig.receiver.stop()
        let alert = Alert.make()
        rig.webhook.post(.started(alert))
        try await eventually("an attempt fails") { rig.webhook.counters.failedAttempts >= 1 }
        rig.webhook.post(.end(alert))
        try await eventually("both are given up") { rig.webhook.counters.dropped == 2 }
        #expect(rig.webhook.counters.pending == 0)
        await rig.stop()
        #expect(rig.log.lines.contains { $0.contains("reason=can't connect") })
        #expect(rig.log.lines.contains { $0.contains("over before it could be delivered") })
    }

    @Test func secretsAreNeverLogged() async throws {
        let rig = try Rig(
            [.status(500), .hangUp, .notHTTP, .silence] + Array(repeating: .status(404), count: 50), timeout: .milliseconds(300),
            query: "/s3cret-path?token=s3cret-query", headers: [("Authorization", "Bearer s3cret-header")])
        rig.webhook.post(.started(.make()))
        try await eventually("it is given up") { rig.webhook.counters.dropped == 1 }
        rig.receiver.stop()
        rig.webhook.post(.started(.make(topic: "b")))
        let failed = rig.webhook.counters.failedAttempts
        try await eventually("an attempt fails") { rig.webhook.counters.failedAttempts > failed }
        await rig.stop()
        #expect(rig.receiver.requests.first?.line == "POST /hook/s3cret-path?token=s3cret-query HTTP/1.1")
        #expect(rig.receiver.requests.first?.headers["authorization"] == "Bearer s3cret-header")
        #expect(rig.log.lines.count >= 4)
        for line in rig.log.lines {
            #expect(line.contains("url=http://127.0.0.1:\(rig.receiver.port)"))
            #expect(!line.contains("s3cret"), "\(line)")
            #expect(!line.contains("/hook"), "\(line)")
        }
    }

    @Test func stoppingTriesOnceMoreAndDoesNotWaitLong() async throws {
        let receiver = try ScriptedReceiver([.status(503), .status(200)])
        let log = CapturedLog()
        let webhook = Webhook(
            target: try WebhookTarget(url: receiver.url), node: "n", http: .direct(),
            settings: .init(firstDelay: .seconds(3600), longestDelay: .seconds(3600)), logger: log.logger)
        webhook.start()
        webhook.post(.started(.make()))
        try await eventually("the first attempt fails") { webhook.counters.failedAttempts == 1 }
        await webhook.stop(within: .seconds(20))
        #expect(webhook.counters == .init(sent: 1, failedAttempts: 1))
        webhook.post(.started(.make(topic: "late")))
        #expect(webhook.counters.dropped == 1)
        receiver.stop()
    }

    @Test func stoppingGivesUpOnAReceiverThatHangs() async throws {
        let rig = try Rig([.silence], timeout: .seconds(3600))
        for topic in ["a", "b", "c"] { rig.webhook.post(.started(.make(topic: topic))) }
        try await eventually("the first is on its way") { rig.receiver.requests.count == 1 }
        await rig.webhook.stop(within: .milliseconds(100))
        #expect(rig.webhook.counters.sent == 0)
        #expect(rig.webhook.counters.dropped == 3)
        #expect(rig.webhook.counters.pending == 0)
        rig.receiver.stop()
    }

    @Test func everyStartAndEndIsCountedOnce() async throws {
        let script = (0..<60).map { number -> ScriptedReceiver.Reply in
            switch number % 5 {
            case 0: .status(200)
            case 1: .status(503)
            case 2: .hangUp
            case 3: .status(404)
            default: .status(200)
            }
        }
        let rig = try Rig(script)
        let count = 40
        for number in 0..<count {
            let alert = Alert.make(topic: "\(number % 7)", since: Int64(number))
            rig.webhook.post(.started(alert))
            if number % 3 == 0 {
                let before = rig.webhook.counters
                try await eventually("something moves") {
                    let now = rig.webhook.counters
                    return now.pending == 0 || now.sent + now.failedAttempts > before.sent + before.failedAttempts
                }
            }
            rig.webhook.post(.end(alert))
        }
        try await eventually("all is told or given up") { rig.webhook.counters.pending == 0 }
        await rig.stop()
        #expect(rig.webhook.counters.sent + rig.webhook.counters.dropped == UInt64(2 * count))
        // Nothing is resolved that wasn't told before, or may have been.
        var told: Set<String> = []
        for request in rig.receiver.requests {
            let id = try #require(request.json["id"] as? String)
            if request.json["status"] as? String == "firing" { told.insert(id) } else { #expect(told.contains(id)) }
        }
    }
}
