import ArgumentParser
import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayKafka
import PatchbayRuntime

/// `patchbay demo`: the whole path on one machine, with Kafka inside the process and a feed of believable trades.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Serve routes.yaml from an embedded Kafka with a live market feed.",
        discussion: """
            The embedded Kafka speaks the real protocol on loopback: `patchbay produce` and other Kafka clients can use \
            it at the address that is printed. Its records are gone when the process ends.

            It listens on 8080 for clients and on 8081 for `patchbay reload`, or where the variables PORT and \
            ADMIN_PORT say: PORT=9080 ADMIN_PORT=9081 patchbay demo.

            Exit codes: 0 after SIGTERM or Ctrl-C; 69 a port can't be listened on, or the embedded Kafka doesn't start; \
            78 the file or a variable has errors; 130 or 143 after a second signal.
            """)

    @OptionGroup var file: ConfigurationOption

    @Option(help: "Records per second of the feed, 0 for none.")
    var rate = 50

    @Option(help: "Seed of the feed; the same seed gives the same market.")
    var seed: UInt64 = 1

    /// This program as it was called, so that what is printed can be pasted.
    private static var program: String { CommandLine.arguments.first ?? "patchbay" }

    func validate() throws {
        guard (0...200_000).contains(rate) else { throw ValidationError("--rate must be between 0 and 200000") }
    }

    func run() async throws {
        var environment = ProcessInfo.processInfo.environment
        let logger = try Logs.start(environment: environment)
        // Checked first, so that a mistake in the file is not buried under start-up lines.
        let topics = try Set(
            ConfigurationFile.load(file.config, environment: environment).routes.flatMap(\.topics)
                .compactMap(\.plainName)
        ).union(DemoMarket.topics)

        let kafka: EmbeddedKafka
        do {
            kafka = try EmbeddedKafka(topics: topics.sorted().map { ($0, 4) }, logger: logger)
        } catch {
            throw Exit.because("can't start the embedded Kafka: \(ErrorSentence.of(error))", Exit.unavailable)
        }
        defer { kafka.close() }
        environment["KAFKA_BROKERS"] = kafka.bootstrapServers
        let market = try DemoMarket(brokers: kafka.bootstrapServers, rate: rate, seed: seed, logger: logger)
        defer { market.stop() }
        try await ServeCommand.serve(
            path: file.config, environment: environment, consumerProperties: EmbeddedKafka.consumerProperties,
            rejoinsAfter: EmbeddedKafka.rejoinsAfter, logger: logger
        ) { ports in
            market.start()
            try Output.standard(
                """

                Patchbay demo
                  Kafka      \(kafka.bootstrapServers)
                  Page       http://localhost:\(ports.clients)/docs
                  WebSocket  ws://localhost:\(ports.clients)/ws
                  Health     http://localhost:\(ports.clients)/health

                Open the page, or watch a channel here:
                  \(Self.program) tap \(ports.channel ?? "CHANNEL") --url ws://localhost:\(ports.clients)/ws

                Ctrl-C stops it.


                """, isNeeded: false)
        }
    }
}
