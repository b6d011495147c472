import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One HTTP request over a connection of its own.
package enum HTTPRequestOnce {
    package struct Answer: Sendable {
        package var status: UInt
        package var body: String

        /// What the server itself says is wrong, in its JSON under `error`, safe to print; `nil` when it says nothing.
        package var error: String? {
            let object = (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any]
            return (object?["error"] as? String).map { String(HealthScreen.line($0).prefix(500)) }
        }
    }

    /// The answer did not come, or not all of it.
    struct TimedOut: Error, CustomStringConvertible {
        let timeout: TimeAmount
        var description: String { "no complete answer within \(timeout.nanoseconds / 1_000_000_000) s" }
    }

    /// - Throws: when there is no complete answer within `timeout`.
    package static func run(
        _ method: HTTPMethod, _ address: ServerAddress, path: String, body: [UInt8] = [], timeout: TimeAmount
    ) async throws -> Answer {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(timeout)
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        let isLate = Flag()
        let timer = connection.channel.eventLoop.scheduleTask(in: timeout) {
            isLate.set()
            connection.channel.close(promise: nil)
        }
        defer { timer.cancel() }
        do {
            return try await exchange(method, address, path: path, body: body, over: connection)
        } catch {
            throw isLate.isSet ? TimedOut(timeout: timeout) : error
        }
    }

    private static func exchange(
        _ method: HTTPMethod, _ address: ServerAddress, path: String, body: [UInt8],
        over connection: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
    ) async throws -> Answer {
        try await connection.executeThenClose { inbound, outbound in
            var headers: HTTPHeaders = ["Host": address.authority, "Connection": "close"]
            if method == .POST { headers.add(name: "Content-Length", value: "\(body.count)") }
            try await outbound.write(
                .head(HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)))
            // A server that has seen enough may close before it has read all; its answer counts.
            if !body.isEmpty { try? await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            try? await outbound.write(.end(nil))
            return try await answer(inbound)
        }
    }

    /// Reads one whole answer.
    static func answer(_ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>) async throws -> Answer {
        var status: UInt = 0
        // Decoded as a whole: a character may come in two pieces.
        var body: [UInt8] = []
        for try await part in inbound {
            switch part {
            case .head(let head): status = head.status.code
            case .body(let bytes): body += bytes.readableBytesView
            case .end: return Answer(status: status, body: String(decoding: body, as: UTF8.self))
            }
        }
        throw ChannelError.eof
    }

    /// Something that happened, told across threads.
    final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .relaxed) }
        func set() { value.store(true, ordering: .relaxed) }
    }
}
