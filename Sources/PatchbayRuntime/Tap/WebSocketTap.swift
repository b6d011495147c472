import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// Why a tap ended early.
package struct TapFailure: Error {
    package var reason: String
}

/// A WebSocket client for one subscription session.
package enum WebSocketTap {
    /// A text that the server sent.
    package struct Message {
        package enum Kind: Equatable {
            /// A message that a route made of a record.
            case data
            /// One of the protocol's own, such as `gap`.
            case control
            /// An `error` message.
            case refusal(Refusal)
        }

        package var kind: Kind
        package var text: String
    }

    /// Why the server refuses a request.
    package struct Refusal: Equatable {
        package var code: String
        package var explanation: String
        package var channel: String
    }

    package enum Step { case next, done }

    private typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    private typealias Parts = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private enum Handshake {
        case open(Frames)
        /// The answer is to be read.
        case refused(Parts)
    }

    /// Largest message taken, above any that a server with default limits sends.
    private static let maximumFrame = 128 << 20
    /// Types of the protocol's own messages (docs/protocol.md); no route may send them.
    private static let controlTypes = [
        "error", "subscription_confirmed", "pong", "gap", "channel_closed", "server_shutdown",
    ]

    /// Sends the requests and hands each message on.
    ///
    /// - Parameter timeout: for the connection, and again for the handshake.
    package static func run(
        _ address: WebSocketAddress, requests: [String], timeout: TimeAmount, _ take: (Message) throws -> Step
    ) async throws {
        switch try await connect(address, timeout: timeout) {
        case .refused(let parts):
            let answer = try await parts.executeThenClose { inbound, _ in try await HTTPRequestOnce.answer(inbound) }
            throw TapFailure(reason: "the server refuses the WebSocket connection: \(explanation(answer))")
        case .open(let connection):
            try await connection.executeThenClose { inbound, outbound in
                for request in requests { try await outbound.write(frame(.text, ByteBuffer(string: request))) }
                try await read(inbound, outbound, take)
            }
        }
    }

    private static func connect(_ address: WebSocketAddress, timeout: TimeAmount) async throws -> Handshake {
        let isLate = HTTPRequestOnce.Flag()
        let handshake: EventLoopFuture<Handshake> = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(timeout)
            .connect(host: address.server.host, port: address.server.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrader = NIOTypedWebSocketClientUpgrader<Handshake>(
                        maxFrameSize: maximumFrame,
                        upgradePipelineHandler: { channel, _ in
                            channel.eventLoop.makeCompletedFuture { .open(try Frames(wrappingChannelSynchronously: channel)) }
                        })
                    let head = HTTPRequestHead(
                        version: .http1_1, method: .GET, uri: address.path, headers: ["Host": address.server.authority])
                    let configuration = NIOTypedHTTPClientUpgradeConfiguration<Handshake>(
                        upgradeRequestHead: head, upgraders: [upgrader],
                        notUpgradingCompletionHandler: { channel in
                            channel.eventLoop.makeCompletedFuture { .refused(try Parts(wrappingChannelSynchronously: channel)) }
                        })
                    let result = try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                        configuration: .init(upgradeConfiguration: configuration))
                    let timer = channel.eventLoop.scheduleTask(in: timeout) {
                        isLate.set()
                        channel.close(promise: nil)
                    }
                    result.whenComplete { _ in timer.cancel() }
                    return result
                }
            }
        do {
            return try await handshake.get()
        } catch {
            throw isLate.isSet ? HTTPRequestOnce.TimedOut(timeout: timeout) : error
        }
    }

    private static func read(
        _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>, _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>,
        _ take: (Message) throws -> Step
    ) async throws {
        for try await frame in inbound {
            switch frame.opcode {
            case .ping: try await outbound.write(Self.frame(.pong, frame.unmaskedData))
            case .connectionClose:
                var data = frame.unmaskedData
                let code = data.readInteger(as: UInt16.self).map { "code \($0)" } ?? "no code"
                let reason = String(buffer: data)
                throw TapFailure(reason: "the server closed the connection: \(reason.isEmpty ? code : "\(reason) (\(code))")")
            case .text:
                guard try take(message(String(buffer: frame.unmaskedData))) == .done else { continue }
                var code = ByteBuffer()
                code.writeInteger(UInt16(1000))
                try await outbound.write(Self.frame(.connectionClose, code))
                return
            default: break
            }
        }
        throw TapFailure(reason: "the connection ended")
    }

    private static func frame(_ opcode: WebSocketOpcode, _ data: ByteBuffer) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
    }

    private static func message(_ text: String) -> Message {
        // The server writes `type` first, and these names are its own.
        guard let type = controlTypes.first(where: { text.hasPrefix("{\"type\":\"\($0)\"") }) else {
            return Message(kind: .data, text: text)
        }
        guard type == "error" else { return Message(kind: .control, text: text) }
        let all = members(text)
        let data = all["data"] as? [String: Any] ?? [:]
        return Message(
            kind: .refusal(
                Refusal(
                    code: data["code"] as? String ?? "error", explanation: data["error"] as? String ?? "no reason given",
                    channel: all["channel"] as? String ?? "")),
            text: text)
    }

    /// What an answer other than a handshake says.
    private static func explanation(_ answer: HTTPRequestOnce.Answer) -> String {
        guard let sentence = members(answer.body)["error"] as? String else { return "it answers with HTTP status \(answer.status)" }
        return "\(sentence) (HTTP status \(answer.status))"
    }

    private static func members(_ json: String) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(json.utf8))) as? [String: Any] ?? [:]
    }
}
