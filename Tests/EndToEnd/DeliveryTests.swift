import Foundation
import PatchbayDelivery
import PatchbayHTTP
import PatchbayKafka
import TestSupport
import Testing

@testable import PatchbayRuntime

/// From a producer through Kafka's protocol, the router and real sockets to clients.
@Suite(.serialized) struct DeliveryTests {
    @Test func allThreeDomainTypesArriveUnchanged() async throws {
        try await RunningRouter.run { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("dashboard")
            for (topic, record, type) in [
                ("token-info", Sample.token, "token_info"), ("trade-info", Sample.trade(1), "trade_data"),
                ("aggregate-info", Sample.aggregate, "aggregate_data"),
            ] {
                try kafka.produce(topic, [record])
                let message = try await client.receive()
                #expect(message.type == type)
                #expect(message.channel == "dashboard")
                // Byte for byte: amounts, order of fields and fields we don't know survive.
                #expect(message.text.contains("\"data\":\(record),\"timestamp\""), "\(message.text)")
            }
        }
    }

    @Test func aRouteToTwoChannelsServesBoth() async throws {
        try await RunningRouter.run { kafka, router in
            let one = try await WebSocketTestClient(port: router.port)
            let other = try await WebSocketTestClient(port: router.port)
            try await one.subscribe("dashboard")
            try await other.subscribe("trades")
            try kafka.produce("trade-info", [Sample.trade(5)])
            #expect(Sample.number(try await one.receive()) == 5)
            let message = try await other.receive()
            #expect(Sample.number(message) == 5 && message.channel == "trades")
        }
    }

    @Test func badRecordsAreCountedAndTheOthersArrive() async throws {
        try await RunningRouter.run { kafka, router in
            let client = try await WebSocketTestClient(port: router.port)
            try await client.subscribe("trades")
            let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
            try kafka.produce(
                "trade-info",
                [
                    Sample.trade(1), "", "not json", "{\"Token\":\"0x1\"}", deep, "[1]",
                    Sample.trade(9).replacingOccurrences(of: "\"buy\"", with: "\"borrow\""),
                    "{\"pad\":\"\(String(repeating: "x", count: 800_000))\"}",
                ])
            try kafka.producer.produce(topic: "trade-info", partition: 0, key: Array("k".utf8), value: nil)
            try kafka.producer.produce(topic: "trade-info", partition: 0, value: [0xC3, 0x28])
            try kafka.produce("trade-info", [Sample.trade(2)])
            #expect(Sample.number(try await client.receive()) == 1)
            #expect(Sample.number(try await client.receive()) == 2)
            let figures = try #require(router.service.health.routes.first { $0.route == "trade-info" })
            #expect(figures.recordsIn == 11)
            #expect(figures.recordsRouted == 2)
            #expect(figures.recordsRejected.values.reduce(0, +) == 8)
            #expect(figures.tombstonesIgnored == 1)
            #expect(figures.recordsRejected["too_deep"] == 1)
            #expect(figures.recordsRejected["invalid_value"] == 1)
        }
    }

    @Test func deletionsReachClientsInOneFormAndStopNothing() async throws {
        let routes = """
            routes:
              - { name: told, topic: trade-info, transform: trade, channels: [told, "by.{@key}"], tombstones: message, on_error: stop }
              - { name: untold, topic: trade-info, transform: trade, channel: untold, on_error: stop }
            """
        try await RunningRouter.run(routes: routes) { kafka, router in
            let (told, byKey, untold) = try await (
                WebSocketTestClient(port: router.port), WebSocketTestClient(port: router.port), WebSocketTestClient(port: router.port)
            )
            try await told.subscribe("told")
            try await byKey.subscribe("by.k 1")
            try await untold.subscribe("untold")
            let key = Array("k 1".utf8)
            for value in [Array(Sample.trade(1).utf8), nil, Array(Sample.trade(2).utf8)] {
                try kafka.producer.produce(topic: "trade-info", partition: 0, key: key, value: value)
            }
            for (client, channel) in [(told, "told"), (byKey, "by.k 1")] {
                #expect(Sample.number(try await client.receive()) == 1)
                let text = try await client.receive().text
                let start = #"{"type":"trade_data","channel":"\#(channel)","data":null,"deleted":true,"key":"k 1","timestamp":"#
                #expect(text.hasPrefix(start), "\(text)")
                #expect(Sample.number(try await client.receive()) == 2)
            }
            #expect(Sample.number(try await untold.receive()) == 1)
            #expect(Sample.number(try await untold.receive()) == 2)
            #expect(router.figures(of: "told")?.tombstonesIgnored == 0 && router.figures(of: "untold")?.tombstonesIgnored == 1)
            #expect(router.service.health.routes.allSatisfy { $0.stoppedAt == nil && $0.recordsRejected.isEmpty })
        }
    }

    @Test func manyClientsAndRecordsInOrder() async throws {
        try await RunningRouter.run { kafka, router in
            var clients: [WebSocketTestClient] = []
            for _ in 0..<1000 {
                let client = try await WebSocketTestClient(port: router.port)
                try await client.subscribe("trades")
                clients.append(client)
            }
            let records = (0..<100).map(Sample.trade)
            try kafka.produce("trade-info", records)
            for client in clients {
                for number in 0..<records.count {
                    let message = try await client.receive()
                    guard Sample.number(message) == number else {
                        Issue.record("expected \(number), got \(message.text)")
                        return
                    }
                }
            }
        }
    }

    @Test func aSlowClientIsToldExactlyWhatItMissedAndOthersMissNothing() async throws {
        try await RunningRouter.run(
            routes: """
                channels: { trades: { buffer: 20 } }
                routes: [{ topic: trade-info, transform: trade, channels: [trades, all] }]
                """
        ) { kafka, router in
            let slow = try await WebSocketTestClient(port: router.port, receiveBuffer: 4096)
            try await slow.subscribe("trades")
            let quick = try await WebSocketTestClient(port: router.port)
            try await quick.subscribe("all")
            let total = 40_000
            async let all: Void = {
                for number in 0..<total {
                    let message = try await quick.receive()
                    guard Sample.number(message) == number else {
                        throw SocketFailure(description: "expected \(number), the quick client got \(message.text)")
                    }
                }
            }()
            for start in stride(from: 0, to: total, by: 1000) {
                try kafka.produce("trade-info", (start..<start + 1000).map(Sample.trade))
                // The mock cluster keeps 5 MB per partition: what isn't consumed soon is gone before any of us saw it.
                try await eventually("the router to keep up") {
                    router.service.health.routes.contains { $0.recordsIn > start - 5000 }
                }
            }
            try await all
            try await eventually("on-call to see who is slow, and what it loses, although it reads nothing") {
                let health = router.service.health
                return health.slow.subscriptions.first?.channel == "trades" && health.slow.losing == 1
                    && health.channels.contains { $0.channel == "trades" && $0.dropped > 0 }
            }
            #expect(router.service.health.slow.subscriptions.first?.connection.count == 16)
            var received = 0
            var dropped = 0
            while received + dropped < total {
                let message = try await slow.receive()
                if message.type == "gap" {
                    dropped += Int(message.data.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0
                } else {
                    #expect(Sample.number(message) == received + dropped)
                    received += 1
                }
            }
            #expect(dropped > 0)
            #expect(received + dropped == total)
        }
    }
}
