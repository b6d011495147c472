import ArgumentParser
import Dispatch
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import PatchbayAPI
import PatchbayCore
import PatchbayKafka

/// `patchbay tap`: subscribes to channels of a running server, over its own protocol, and prints what comes.
struct TapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap",
        abstract: "Print the messages of channels of a running server, or the records of a topic, one JSON object a line.",
        discussion: """
            Channels are read from the server over its own protocol; confirmations and refusals go to standard error. \
            With --topic the records come straight from the brokers, as they are before any transformer; no consumer group \
            is joined and nothing is committed.

            Exit codes: 0 after --count messages, or after Ctrl-C; 69 when the server or the brokers can't be reached, \
            refuse, or go away; 78 PORT is no port.
            """)

    /// Where to begin with a topic.
    enum Start: String, ExpressibleByArgument, CaseIterable { case beginning, end }

    @Argument(help: "Channels to subscribe to.")
    var channels: [String] = []

    @Option(help: "The server. Default: ws://127.0.0.1:PORT/ws with PORT from the environment, or 8080.")
    var url: String?

    @Option(help: "Stop after this many messages.")
    var count: Int?

    @Option(help: "A topic to read instead of channels.")
    var topic: String?

    @Option(help: "With --topic: host:port, separated by commas. Default: KAFKA_BROKERS, or localhost:9092.")
    var brokers: String?

    @Option(help: "With --topic: where to begin.")
    var from: Start?

    @Option(help: "With --topic: begin with this many of the last records.")
    var last: Int?

    @Option(help: "With --topic: librdkafka property, repeatable.")
    var property: [String] = []

    @Option(help: "With --topic: seconds to wait for the brokers.")
    var timeout = 10

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be at least 1") }
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
        guard topic == nil else {
            if !channels.isEmpty { throw ValidationError("name channels or --topic, not both") }
            if url != nil { throw ValidationError("--url belongs to channels; topics are read from --brokers") }
            if from != nil, last != nil { throw ValidationError("--from and --last exclude each other") }
            if let last, !(1...100_000).contains(last) { throw ValidationError("--last must be between 1 and 100000") }
            try property.checkPairs()
            return
        }
        if channels.isEmpty { throw ValidationError("name at least one channel, or a topic with --topic") }
        if brokers != nil || from != nil || last != nil || !property.isEmpty {
            throw ValidationError("--brokers, --from, --last and --property go with --topic")
        }
        if let url, Self.address(of: url) == nil { throw ValidationError("--url must be of the form ws://host:port/path") }
    }

    private typealias Address = (host: String, port: Int, path: String)

    private static func address(of url: String) -> Address? {
        guard let parts = URLComponents(string: url), parts.scheme == "ws", let host = parts.host, !host.isEmpty,
            ServerPort.range.contains(parts.port ?? 80)
        else { return nil }
        return (host, parts.port ?? 80, parts.path.isEmpty ? "/" : parts.path)
    }

    /// Ctrl-C is how somebody who watches ends it, and no failure.
    private static func endOnInterrupt() -> any DispatchSourceSignal {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { _exit(0) }
        source.activate()
        return source
    }

    func run() async throws {
        let interrupt = Self.endOnInterrupt()
        defer { interrupt.cancel() }
        if let topic { return try tap(topic: topic) }
        let address = try url.flatMap(Self.address) ?? ("127.0.0.1", ServerPort.of("PORT", default: 8080), "/ws")
        let place = "ws://\(address.host):\(address.port)\(address.path)"
        do {
            try await WebSocketTap.run(
                host: address.host, port: address.port, path: address.path,
                requests: channels.map { "{\"type\":\"subscribe\",\"channel\":\(JSONLiteral.quoted($0))}" }
            ) { [count] message, received in
                switch message.kind {
                case .control:
                    Output.error(message.text + "\n")
                    return message.isRefusal ? .refused : .next
                case .data:
                    Output.standard(message.text + "\n")
                    return received == count ? .done : .next
                }
            }
        } catch let error as TapFailure {
            throw Exit.because("\(place): \(error.reason)", Exit.unavailable)
        } catch {
            throw Exit.because("can't connect to \(place): \(error)", Exit.unavailable)
        }
    }

    private func tap(topic: String) throws {
        let environment = ProcessInfo.processInfo.environment
        let list = (brokers ?? environment["KAFKA_BROKERS"] ?? "localhost:9092").split(separator: ",").map(String.init)
        let start: TopicReader.Start =
            if let last { .last(last) } else if from == .beginning { .beginning } else { .end }
        var printed = 0
        do throws(KafkaError) {
            let reader = try TopicReader(
                brokers: list, properties: property.map(ProduceCommand.pair), topic: topic, logger: Logs.quiet)
            defer { reader.close() }
            try reader.follow(from: start, timeout: .seconds(timeout)) { record in
                Output.standard(RecordLine.text(record) + "\n")
                printed += 1
                return printed != count
            }
        } catch {
            throw Exit.because(
                "can't read topic \(topic) at \(list.joined(separator: ", ")): \(error.message)", Exit.unavailable)
        }
    }
}

extension [String] {
    /// - Throws: when one is not of the form `name=value`.
    func checkPairs() throws {
        for pair in self where !pair.contains("=") { throw ValidationError("\(pair) is not of the form name=value") }
    }
}

/// Why a tap ended early.
struct TapFailure: Error {
    var reason: String
}

/// A WebSocket client for one subscription session.
enum WebSocketTap {
    struct Message {
        enum Kind { case data, control }
        var kind: Kind
        var isRefusal: Bool
        var text: String
    }

    enum Step { case next, done, refused }

    private typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// Largest message taken, above any that a server with default limits sends.
    private static let maximumFrame = 128 << 20

    /// Sends the requests and hands each message on, with the number of data messages so far.
    static func run(
        host: String, port: Int, path: String, requests: [String],
        _ take: (Message, _ received: Int) -> Step
    ) async throws {
        let upgraded: EventLoopFuture<Frames?> = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrader = NIOTypedWebSocketClientUpgrader<Frames?>(
                        maxFrameSize: maximumFrame,
                        upgradePipelineHandler: { channel, _ in
                            channel.eventLoop.makeCompletedFuture { try Frames(wrappingChannelSynchronously: channel) }
                        })
                    let head = HTTPRequestHead(
                        version: .http1_1, method: .GET, uri: path, headers: ["Host": "\(host):\(port)"])
                    let configuration = NIOTypedHTTPClientUpgradeConfiguration<Frames?>(
                        upgradeRequestHead: head, upgraders: [upgrader],
                        notUpgradingCompletionHandler: { $0.close().map { nil } })
                    return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                        configuration: .init(upgradeConfiguration: configuration))
                }
            }
        guard let connection = try await upgraded.get() else { throw TapFailure(reason: "refused the WebSocket") }
        try await connection.executeThenClose { inbound, outbound in
            for request in requests {
                try await outbound.write(frame(.text, ByteBuffer(string: request)))
            }
            var received = 0
            for try await frame in inbound {
                switch frame.opcode {
                case .ping: try await outbound.write(Self.frame(.pong, frame.unmaskedData))
                case .connectionClose:
                    var data = frame.unmaskedData
                    let code = data.readInteger(as: UInt16.self).map(String.init) ?? "no code"
                    throw TapFailure(reason: "the server closed the connection: \(code) \(String(buffer: data))")
                case .text:
                    let message = Self.message(String(buffer: frame.unmaskedData))
                    if message.kind == .data { received += 1 }
                    switch take(message, received) {
                    case .next: break
                    case .refused: throw TapFailure(reason: "refused the request")
                    case .done:
                        var code = ByteBuffer()
                        code.writeInteger(UInt16(1000))
                        try await outbound.write(Self.frame(.connectionClose, code))
                        return
                    }
                default: break
                }
            }
            throw TapFailure(reason: "the connection ended")
        }
    }

    private static func frame(_ opcode: WebSocketOpcode, _ data: ByteBuffer) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
    }

    private static func message(_ text: String) -> Message {
        // The server writes `type` first, and these names are its own.
        let isRefusal = text.hasPrefix("{\"type\":\"error\"")
        let isControl = isRefusal || text.hasPrefix("{\"type\":\"subscription_confirmed\"")
        return Message(kind: isControl ? .control : .data, isRefusal: isRefusal, text: text)
    }
}
