import Logging
import NIOCore
import NIOPosix
import PatchbayAPI
import PatchbayJSON
import PatchbaySettings
import TestSupport

@testable import PatchbayCore
@testable import PatchbayDelivery
@testable import PatchbayHTTP

/// A real server on a free port, fed directly instead of from Kafka.
final class ServerFixture: Sendable {
    let server: PatchbayServer
    let router: RoutingHub
    let group: MultiThreadedEventLoopGroup
    let port: Int

    private final class PassThrough: Transformer {
        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
            for record in batch.records { output.emit(record) }
        }
    }

    /// Runs `body` with a server and stops it afterwards, whatever happens.
    static func run(
        channels: [String: Int] = ["a": 100, "b": 100],
        loops: Int = 1,
        source: @escaping @Sendable () -> SourceHealth = { SourceHealth() },
        logger: Logger? = nil,
        authorizer: any Authorizer = AnonymousAuthorizer(),
        configure: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (ServerFixture) async throws -> Void
    ) async throws {
        var configuration = ServerConfiguration()
        configuration.server.host = "127.0.0.1"
        configuration.server.port = 0
        // Clients that a test doesn't read from for a while don't answer pings either.
        configuration.server.pingInterval = .seconds(600)
        configure(&configuration)
        let fixture = try await ServerFixture(
            channels: channels, loops: loops, source: source, logger: logger, authorizer: authorizer,
            configuration: configuration)
        do {
            try await body(fixture)
        } catch {
            await fixture.stop()
            throw error
        }
        await fixture.stop()
    }

    private init(
        channels: [String: Int], loops: Int, source: @escaping @Sendable () -> SourceHealth, logger: Logger?,
        authorizer: any Authorizer, configuration: ServerConfiguration
    ) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let fanouts = group.makeIterator().enumerated().map { Fanout(eventLoop: $1, index: $0, flusher: RingFlusher()) }
        let plain = channels.map { RouteTable.PlainChannel(name: $0, limits: .init(messageBuffer: $1)) }
        let routes = channels.keys.map { name in
            Route(name: name, topic: name, type: "note", channels: [name], makeTransformer: { PassThrough() })
        }
        router = RoutingHub(table: RouteTable(routes: routes, channels: plain), fanouts: fanouts)
        var silent = Logger(label: "test")
        silent.logLevel = .critical
        server = PatchbayServer(
            configuration: configuration, router: router, group: group, logger: logger ?? silent, source: source,
            configurationStatus: { ConfigurationStatus(appliedAtMilliseconds: 0) }, authorizer: authorizer)
        port = try await server.start()
    }

    /// How often a limit was run into.
    func refusals(_ limit: Limit) -> Int64 {
        server.limitCounters.snapshot.first { $0.limit == limit }?.refusals ?? -1
    }

    /// Replaces the routes.
    func replace(with routes: [Route], reason: String = "it was removed") {
        router.replace(with: RouteTable(routes: routes), reason: reason)
    }

    /// A route of the topic of its name that passes everything on.
    static func route(_ name: String, channels: [String]) -> Route {
        Route(
            name: name, topics: [.name(name)], steps: [.init(transformer: "pass", make: { PassThrough() })], type: "note",
            channels: channels.map { (try? ChannelTemplate($0)) ?? ChannelTemplate(plain: $0) },
            makeFieldReader: { JSONFieldReader(paths: $0) })
    }

    func stop() async {
        await server.stopAccepting()
        _ = await server.drain(timeout: .seconds(5))
        try? await group.shutdownGracefully()
    }

    /// Publishes numbers as records of the channel's topic.
    func publish(_ numbers: Range<Int>, to channel: String, padding: Int = 0) {
        let processor = router.makeProcessor()
        let filler = String(repeating: "x", count: padding)
        var start = numbers.lowerBound
        while start < numbers.upperBound {
            let end = min(start + 100, numbers.upperBound)
            let values = (start..<end).map { Array("{\"n\":\($0),\"p\":\"\(filler)\"}".utf8) }
            var joined: [UInt8] = []
            var ranges: [Range<Int>] = []
            for value in values {
                ranges.append(joined.count..<joined.count + value.count)
                joined += value
            }
            joined.withUnsafeBytes { bytes in
                let records = ranges.enumerated().map { index, range in
                    Record(
                        partition: 0, recordOffset: Int64(start + index), timestampMilliseconds: 0, key: nil,
                        value: UnsafeRawBufferPointer(rebasing: bytes[range]))
                }
                records.withUnsafeBufferPointer {
                    _ = processor.process(RecordBatch(topic: channel, records: $0))
                }
            }
            processor.finishPoll()
            start = end
        }
    }
}

extension AdminSettings {
    /// On any free port.
    static func anyPort(allowedHosts: [String] = []) -> AdminSettings {
        var settings = AdminSettings()
        settings.port = 0
        settings.allowedHosts = allowedHosts
        return settings
    }
}
