import NIOCore
import TestSupport
import Testing

@testable import PatchbayDelivery

@Suite struct TraceParentTests {
    private static let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func readsTheTrace() throws {
        let trace = try #require(TraceParent(Self.good))
        #expect(trace.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(trace.text == Self.good)
    }

    @Test func laterVersionsMayAppend() {
        #expect(TraceParent("cc" + Self.good.dropFirst(2) + "-more")?.text == "cc" + Self.good.dropFirst(2))
        #expect(TraceParent("cc" + Self.good.dropFirst(2)) != nil)
        #expect(TraceParent("cc" + Self.good.dropFirst(2) + ".more") == nil)
    }

    @Test(arguments: [
        "", "00", good + "-more", String(good.dropLast()), "ff" + good.dropFirst(2), good.uppercased(),
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", "00_" + good.dropFirst(3),
        String(repeating: "é", count: 28),
    ])
    func ignoresBadOnes(_ text: String) { #expect(TraceParent(text) == nil) }

    @Test func givenTwiceIsNotGiven() {
        #expect(TraceParent([Self.good, Self.good]) == nil)
        #expect(TraceParent([]) == nil)
        #expect(TraceParent([Self.good]) != nil)
    }
}

@Suite struct IdentityTests {
    @Test func connectionIDsAreSixteenHexDigits() {
        #expect(ConnectionID(value: 0).description == "0000000000000000")
        #expect(ConnectionID(value: 0xAB).description == "00000000000000ab")
        #expect(ConnectionID(value: .max).description == "ffffffffffffffff")
        #expect(Set((0..<1000).map { _ in ConnectionID.random() }).count == 1000)
    }

    @Test func requestIDsAreTakenWhenSane() {
        #expect(RequestID.of("a-B_3.x") == "a-B_3.x")
        for bad in ["", "a b", "a\r\nX: y", "ä", String(repeating: "a", count: 65)] {
            #expect(RequestID.of(bad).utf8.count == 16, "\(bad)")
        }
        #expect(RequestID.of(nil) != RequestID.of(nil))
    }

    @Test func aFewLinesOfAKindPassAndTheRestIsCounted() {
        var throttle = LogThrottle()
        let start = NIODeadline.uptimeNanoseconds(5_000_000_000)
        for _ in 0..<LogThrottle.lines { #expect(throttle.next(at: start) == 0) }
        for _ in 0..<1000 { #expect(throttle.next(at: start + .seconds(9)) == nil) }
        #expect(throttle.next(at: start + .seconds(10)) == 1000)
        #expect(throttle.next(at: start + .seconds(10)) == 0)
    }
}

@Suite struct OriginListTests {
    @Test func patternsStandForOnePartOnly() {
        let list = OriginList(["https://App.example", "https://*.site.example", "http://localhost:*", "https://bad*"])
        for origin in [
            "https://app.example", "HTTPS://APP.EXAMPLE", "https://a.site.example", "https://a-1.b.site.example",
            "http://localhost:3000",
            // Every port is also the scheme's own, which browsers leave out: a page on port 80 was refused.
            "http://localhost",
        ] { #expect(list.allows(origin), "\(origin)") }
        for origin in [
            "null", "", "https://site.example", "https://.site.example", "http://a.site.example",
            "https://a.site.example:8443", "https://evil.example/.site.example", "https://evil.example:1.site.example",
            "https://a@b.site.example", "https://asite.example", "https://localhost", "http://localhost:", "http://localhost.evil.example",
            "http://localhost:80.evil.example", "https://badger.example", "https://app.example.evil.example",
        ] { #expect(!list.allows(origin), "\(origin)") }
        #expect(!list.allowsAll && !list.isEmpty)
    }

    /// `check` accepted both stars in one origin, and the server compared it with what browsers send letter by letter: it never
    /// matched anything.
    @Test func bothStarsMayBeInOneOrigin() {
        let list = OriginList(["https://*.site.example:*", "http://[::1]:*", "https://*.port.example:8443"])
        for origin in [
            "https://a.site.example", "https://a.site.example:8443", "https://a.b.site.example:1", "http://[::1]", "http://[::1]:3000",
            "https://a.port.example:8443",
        ] { #expect(list.allows(origin), "\(origin)") }
        for origin in [
            "https://site.example:1", "http://a.site.example:1", "https://a.site.example:", "https://a.site.example:x",
            "https://a.site.example:1:2",
            "https://evil.example/.site.example:1", "https://evil.example:1.site.example", "https://a.site.example.evil.example:1",
            "https://evil.example:1/.site.example", "http://[::2]:1", "http://[::1", "https://a.port.example", "https://a.port.example:1",
            "https://*.site.example:*",
        ] { #expect(!list.allows(origin), "\(origin)") }
    }

    @Test func aStarIsEverybodyAndNothingIsNobody() {
        #expect(OriginList(["*"]).allows("null"))
        #expect(!OriginList([]).allows("https://app.example") && OriginList([]).isEmpty)
    }
}

@Suite struct PlaceTests {
    @Test func addressesCountByIPv4AddressAndIPv6Network() throws {
        func address(_ text: String) throws -> ClientAddress {
            try #require(ClientAddress(try SocketAddress(ipAddress: text, port: 1)))
        }
        #expect(try address("10.0.0.1") == address("10.0.0.1"))
        #expect(try address("10.0.0.1") != address("10.0.0.2"))
        #expect(try address("10.0.0.1") == address("::ffff:10.0.0.1"))
        #expect(try address("2001:db8:1:2::1") == address("2001:db8:1:2:ffff::9"))
        #expect(try address("2001:db8:1:2::1") != address("2001:db8:1:3::1"))
        #expect(try address("::1") != address("0.0.0.1"))
        #expect(ClientAddress(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
    }

    /// Threads take and give back; whatever they do, no more than the limit is out, and at the end nothing is.
    @Test func limitsAreExactUnderConcurrency() async throws {
        let places = ConnectionSlots(most: 3)
        let limiter = try #require(AddressLimiter(most: 3))
        let address = try #require(ClientAddress(try SocketAddress(ipAddress: "10.0.0.1", port: 1)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await offPool {
                        for _ in 0..<5000 {
                            if places.reserve() {
                                #expect(places.taken <= 3)
                                places.release()
                            }
                            if limiter.reserve(address) { limiter.release(address) }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(places.taken == 0 && limiter.addressCount == 0)
        #expect((0..<5).map { _ in places.reserve() } == [true, true, true, false, false])
        #expect((0..<5).map { _ in limiter.reserve(address) } == [true, true, true, false, false])
    }

    @Test func zeroIsNoLimit() {
        let places = ConnectionSlots(most: 0)
        #expect((0..<1000).allSatisfy { _ in places.reserve() })
        #expect(AddressLimiter(most: 0) == nil)
    }
}

@Suite struct ReconnectSpreadTests {
    @Test func everyClientHasAnEqualShareOfTheTime() {
        let spread = ReconnectSpread(earliest: .seconds(2), latest: .seconds(4))
        var random = SystemRandomNumberGenerator()
        for index in 0..<20 {
            let time = spread.milliseconds(forClient: index, of: 20, using: &random)
            #expect((2000 + Int64(index) * 100...2100 + Int64(index) * 100).contains(time))
        }
        #expect((2000...4000).contains(spread.milliseconds(forClient: 0, of: 1, using: &random)))
        #expect((2000...4000).contains(spread.milliseconds(forClient: 7, of: 0, using: &random)))
    }

    @Test func windowsThatMakeNoSenseAreMadeToMakeSome() {
        var random = SystemRandomNumberGenerator()
        let backwards = ReconnectSpread(earliest: .seconds(3), latest: .seconds(1))
        #expect(backwards.milliseconds(forClient: 1, of: 2, using: &random) == 3000)
    }
}
