import NIOCore
import NIOHTTP1
import NIOPosix

/// One HTTP request over a connection of its own.
enum HTTPRequestOnce {
    struct Answer: Sendable {
        var status: UInt
        var body: String
    }

    /// - Throws: when there is no complete answer within `timeout`.
    static func run(
        _ method: HTTPMethod, host: String, port: Int, path: String, body: [UInt8] = [], timeout: TimeAmount
    ) async throws -> Answer {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(timeout)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        let timer = connection.channel.eventLoop.scheduleTask(in: timeout) { connection.channel.close(promise: nil) }
        defer { timer.cancel() }
        return try await connection.executeThenClose { inbound, outbound in
            var headers: HTTPHeaders = ["Host": host, "Connection": "close"]
            if method == .POST { headers.add(name: "Content-Length", value: "\(body.count)") }
            try await outbound.write(
                .head(HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)))
            // A server that has seen enough may close before it has read all; its answer counts.
            if !body.isEmpty { try? await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            try? await outbound.write(.end(nil))
            var answer = Answer(status: 0, body: "")
            for try await part in inbound {
                switch part {
                case .head(let head): answer.status = head.status.code
                case .body(let bytes): answer.body += String(buffer: bytes)
                case .end: return answer
                }
            }
            throw ChannelError.eof
        }
    }
}
