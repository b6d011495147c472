import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import Synchronization
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayRuntime

/// A setting that is declared, documented and shown, and that nobody hands on, does nothing: these reach what they are for.
@Suite(.serialized) struct SettingTests {
    /// Takes no record while the test keeps it closed. Open at the start, when routes are tried for the documents.
    private final class Gate: Transformer {
        static let isOpen = Atomic(true)

        static let definition = TransformerDefinition(name: "gate", summary: "Waits.", defaultType: "note") { _ throws(OptionError) in
            { Gate() }
        }

        func transform(_ batch: borrowing RecordBatch, into output: EnvelopeWriter) {
            while !Self.isOpen.load(ordering: .acquiring) { usleep(1000) }
            for record in batch.records { output.emit(record) }
        }
    }

    /// Runs a router with this file, and stops it whatever happens.
    private func run(
        _ text: String, rejoinsAfter: Duration? = nil, _ body: (RouterService, _ port: Int) async throws -> Void
    ) async throws {
        let transformers = try BuiltinTransformers.set() + [Gate.definition]
        let loaded = LoadedConfiguration(
            ConfigurationLoader.load(text: text, file: "routes.yaml", environment: [:], transformers: transformers))
        let configuration = try #require(loaded.configuration, "\(loaded.findings)")
        let service = RouterService(
            configuration: configuration, loaded: loaded, reload: { _ in loaded },
            consumerProperties: EmbeddedKafka.consumerProperties, rejoinsAfter: rejoinsAfter, logger: TestKafka.quiet)
        let ports = try await service.start()
        do {
            try await body(service, ports.clients)
        } catch {
            Gate.isOpen.store(true, ordering: .releasing)
            await service.stop()
            throw error
        }
        Gate.isOpen.store(true, ordering: .releasing)
        await service.stop()
    }

    private func location(_ port: Int, _ headers: String = "") async throws -> String {
        let socket = try TestSocket(port: port)
        try await socket.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)\r\n")
        let head = try await socket.receive(through: "\r\n\r\n")
        return head.firstMatch(of: /\r\n[Ll]ocation: ([^\r]*)/).map { String($0.output.1) } ?? head
    }

    /// The kernel's bound for what waits for a client, by the server's own sockets: those whose local port is the server's.
    private func sendBuffers(ofServerAt port: Int) -> Set<Int> {
        var sizes: Set<Int> = []
        for descriptor in Int32(0)..<4096 {
            var address = sockaddr_in()
            var peer = sockaddr_in()
            guard Self.read(&address, descriptor, getsockname), Self.read(&peer, descriptor, getpeername),
                Int(address.sin_port.bigEndian) == port
            else { continue }
            var (size, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
            guard getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0 else { continue }
            sizes.insert(Int(size))
        }
        return sizes
    }

    private static func read(
        _ address: inout sockaddr_in, _ descriptor: Int32,
        _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Bool {
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, &length) == 0 }
        }
    }

    @Test func settingsOfTheServerAndItsLimitsReachTheServer() async throws {
        let file = """
            version: 1
            server: { host: 127.0.0.1, port: 0, base_path: /below, trusted_proxies: [127.0.0.0/8], send_buffer: 32KiB }
            limits: { awaited_channels: 3, awaited_channels_per_connection: 2 }
            admin: { enabled: false }
            reload: { watch: false }
            kafka: { brokers: ["127.0.0.1:1"] }
            routes:
              - { topic: t, transform: json, channel: "x.{n}" }

            """
        try await run(file) { _, port in
            #expect(try await location(port) == "/below/docs")
            #expect(try await location(port, "X-Forwarded-Prefix: /live\r\n") == "/live/docs")

            let first = try await WebSocketTestClient(port: port)
            // Linux doubles what is asked for, to have room for what it adds to the bytes.
            #expect(sendBuffers(ofServerAt: port) == [64 << 10])
            try await first.subscribe("x.1")
            try await first.subscribe("x.2")
            try await first.send(#"{"type":"subscribe","channel":"x.3"}"#)
            #expect(try await first.receive().data.contains("a connection may wait for 2 such channels"))
            let second = try await WebSocketTestClient(port: port)
            try await second.subscribe("x.3")
            try await second.send(#"{"type":"subscribe","channel":"x.4"}"#)
            #expect(try await second.receive().data.contains("clients wait for 3 such channels"))
        }
    }

    /// `server.liveness_threshold` held for event loops only: of consumer threads nothing was said before eight seconds.
    @Test func theLivenessThresholdReachesTheConsumerThreads() async throws {
        let kafka = try TestKafka(topics: [("t", 1)])
        defer { kafka.close() }
        let file = """
            version: 1
            server: { host: 127.0.0.1, port: 0, liveness_threshold: 2s }
            admin: { enabled: false }
            reload: { watch: false }
            kafka: { brokers: "\(kafka.brokers)", properties: { auto.offset.reset: earliest } }
            routes:
              - { topic: t, transform: gate, channel: c }

            """
        try await run(file) { service, _ in
            Gate.isOpen.store(false, ordering: .releasing)
            try kafka.produce("t", ["1"])
            // It shows no sign of life from here on until the gate is opened.
            try await eventually("the thread to be stuck") {
                service.consumers.statuses.contains { $0.status.silence() >= .seconds(2) }
            }
            #expect(service.consumers.health.stuckThreads.count == 1, "\(service.consumers.health)")
        }
    }

    /// A demo that was frozen while its group formed waited for ever for the embedded Kafka, which had forgotten it. Such a
    /// session, shorter than a group takes to form there, has the same end.
    @Test func aDemosConsumersAskTheirForgetfulKafkaAgain() async throws {
        let kafka = try TestKafka(topics: [("t", 1)])
        defer { kafka.close() }
        let file = """
            version: 1
            server: { host: 127.0.0.1, port: 0 }
            admin: { enabled: false }
            reload: { watch: false }
            kafka: { brokers: "\(kafka.brokers)", properties: { session.timeout.ms: 1000, heartbeat.interval.ms: 300 } }
            routes:
              - { topic: t, transform: json, channel: c }

            """
        try await run(file, rejoinsAfter: .seconds(2)) { service, _ in
            try await eventually("a new client to ask") { service.consumers.statuses.contains { $0.status.recreations > 0 } }
        }
    }
}
