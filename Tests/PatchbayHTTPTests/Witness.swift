import Foundation
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// A subscriber that behaves, beside clients that don't: it must go on getting everything, in order.
struct Witness {
    private let client: WebSocketTestClient
    private let server: ServerFixture
    private var next = 0

    init(_ server: ServerFixture) async throws {
        self.server = server
        client = try await WebSocketTestClient(port: server.port)
        try await client.subscribe("a")
    }

    mutating func receivesEverything(_ count: Int = 50, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        server.publish(next..<next + count, to: "a")
        for number in next..<next + count {
            let message = try await client.receive()
            #expect(message.data.hasPrefix("{\"n\":\(number),"), "\(message.text)", sourceLocation: sourceLocation)
        }
        next += count
    }
}

/// One request over HTTP, on a connection of its own.
func request(
    _ line: String, port: Int, headers: String = ""
) async throws -> (head: String, body: String) {
    let socket = try TestSocket(port: port)
    try await socket.send("\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(headers)\r\n")
    let head = try await socket.receive(through: "\r\n\r\n")
    return (head, String(decoding: try await socket.receiveToEnd(), as: UTF8.self))
}

extension String {
    /// The value of a header in an answer's head.
    func header(_ name: String) -> String? {
        split(separator: "\r\n").lazy.map { $0.split(separator: ":", maxSplits: 1) }
            .first { $0.first?.lowercased() == name.lowercased() }?.dropFirst().first
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
