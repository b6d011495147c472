import Foundation
import Testing

@testable import PatchbayRuntime

@Suite struct WebhookTargetTests {
    @Test(arguments: [
        ("", "must begin with http:// or https://"), ("hooks.example/x", "must begin with http:// or https://"),
        ("ftp://hooks.example/x", "must be http or https"), ("file:///etc/passwd", "must be http or https"),
        ("https:///secret", "has no host"), ("http://host:0/", "has a port that is not in 1...65535"),
        ("http://host:65536/", "has a port that is not in 1...65535"), ("http://ho st/", "is malformed"),
        ("http://host/\n", "is malformed"), ("http://[::1/", "is malformed"),
    ]) func refusesWhatIsNoWebURL(url: String, problem: String) {
        #expect(WebhookTarget.problem(url: url) == problem)
    }

    @Test(arguments: [
        "http://host", "https://host/", "HTTPS://host:8443/a?b=c", "http://[::1]:80/x", "http://u:p@host/",
    ]) func takesWebURLs(url: String) {
        #expect(WebhookTarget.problem(url: url) == nil)
    }

    @Test(arguments: [
        ("", "v", "a header's name is malformed"), ("a b", "v", "a header's name is malformed"),
        ("X:", "v", "a header's name is malformed"), ("Content-Length", "5", "the header Content-Length can't be set"),
        ("host", "x", "the header host can't be set"),
        ("X-Token", "secret\r\nX: y", "the value of the header X-Token has characters that can't be sent"),
    ]) func refusesHeadersThatCanNotBeSent(name: String, value: String, problem: String) {
        #expect(WebhookTarget.problem(header: (name, value)) == problem)
    }

    @Test func printsNoSecretWhicheverWayItIsPrinted() throws {
        let target = try WebhookTarget(
            url: "https://user:pass1@hooks.example:8443/services/T0/secret2?token=secret3#x",
            headers: [("X-Token", "secret4")])
        var dumped = ""
        dump(target, to: &dumped)
        for text in ["\(target)", String(reflecting: target), String(describing: Optional(target)), dumped] {
            #expect(text.contains("https://hooks.example:8443"))
            for secret in ["user", "pass1", "secret", "token", "dXNlcjpwYXNzMQ"] { #expect(!text.contains(secret), "\(text)") }
        }
    }

    @Test func credentialsOfTheURLBecomeAHeaderUnlessThereIsOne() throws {
        let plain = try WebhookTarget(url: "http://user:p%40ss@host/x?y=z")
        #expect(plain.url.absoluteString == "http://host/x?y=z")
        #expect(plain.headers.map(\.value) == ["Basic dXNlcjpwQHNz"])
        let given = try WebhookTarget(url: "http://user:pass@host/", headers: [("authorization", "Bearer t")])
        #expect(given.headers.map(\.value) == ["Bearer t"])
    }
}
