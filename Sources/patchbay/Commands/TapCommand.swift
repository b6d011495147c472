import ArgumentParser
import Dispatch
import Foundation
import NIOCore
import PatchbayAPI
import PatchbayJSON
import PatchbayKafka
import PatchbayRuntime

/// `patchbay tap`: subscribes to channels of a running server, over its own protocol, and prints what comes.
struct TapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap",
        abstract: "Print the messages of channels of a running server, or the records of a topic, one JSON object per line.",
        discussion: """
            Channels are read from the server over its own protocol; what isn't a message of a record goes to standard \
            error: confirmations, refusals, `gap`, `channel_closed`, `server_shutdown`. \
            With --topic the records come straight from the brokers, as they are before any transformer; no consumer group \
            is joined and nothing is committed.

            --where takes the conditions of the transformer `filter`, and checks the line as it is printed, so a record's \
            fields are below `.data`, or below `.value` with --topic:
              patchbay tap trades --where '.data.SellBuy == "buy"'
              patchbay tap --topic trade-info --where '.key == "0x01" and .value.PriceUsd != null'

            Exit codes: 0 after --count lines, after Ctrl-C, or when the reader of the output goes away; 69 when the server \
            or the brokers can't be reached, refuse, or go away; 74 when standard output can't be written; 78 PORT is not \
            a valid port, or KAFKA_BROKERS is wrong.
            """)

    /// Where to begin with a topic.
    enum Start: String, ExpressibleByArgument, CaseIterable { case beginning, end }

    @Argument(help: "Channels to subscribe to.")
    var channels: [String] = []

    @Option(
        help:
            "The server, such as ws://[::1]:8080/ws; http://host:port and host:port mean its /ws. Default: ws://127.0.0.1:PORT/ws with PORT from the environment, or 8080."
    )
    var url: String?

    @Option(help: "Stop after this many lines.")
    var count: Int?

    @Option(name: .customLong("where"), help: ArgumentHelp("Print only lines for which this condition holds.", valueName: "condition"))
    var condition: String?

    @Option(help: ArgumentHelp("Print only lines with this text in them.", valueName: "text"))
    var grep: String?

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

    @Option(help: "Seconds to wait for the server, or for the brokers.")
    var timeout = 10

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be at least 1") }
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
        _ = try filter()
        guard topic == nil else {
            if !channels.isEmpty { throw ValidationError("name channels or --topic, not both") }
            if url != nil { throw ValidationError("--url belongs to channels; topics are read from --brokers") }
            if from != nil, last != nil { throw ValidationError("--from and --last exclude each other") }
            if let last, !(1...100_000).contains(last) { throw ValidationError("--last must be between 1 and 100000") }
            try property.checkPairs()
            try BrokerList.check(brokers)
            return
        }
        if channels.isEmpty { throw ValidationError("name at least one channel, or a topic with --topic") }
        if brokers != nil || from != nil || last != nil || !property.isEmpty {
            throw ValidationError("--brokers, --from, --last and --property go with --topic")
        }
        if let url { _ = try Self.address(url) }
    }

    private static func address(_ url: String) throws -> WebSocketAddress {
        do throws(AddressMistake) {
            return try WebSocketAddress(url)
        } catch {
            throw ValidationError("--url: \(error.reason)")
        }
    }

    private func filter() throws -> LineFilter {
        do throws(OptionError) {
            return try LineFilter(condition: condition, text: grep, inner: topic == nil ? "data" : "value")
        } catch {
            throw ValidationError("--where: \(error.message)\(error.hint.map { "; \($0)" } ?? "")")
        }
    }

    func run() async throws {
        try Output.requireStandard()
        let interrupt = TapEnd.onInterrupt()
        defer { interrupt.cancel() }
        TapEnd.whenReaderLeaves()
        let printer = LinePrinter(filter: try filter(), count: count)
        if let topic { return try tap(topic: topic, printer) }
        let address =
            try url.map(Self.address)
            ?? WebSocketAddress(
                server: ServerAddress(host: "127.0.0.1", port: ServerPort.of("PORT", default: 8080)), path: "/ws")
        var refusal: WebSocketTap.Refusal?
        do {
            try await WebSocketTap.run(
                address, requests: channels.map { "{\"type\":\"subscribe\",\"channel\":\(JSONLiteral.quoted($0))}" },
                timeout: .seconds(Int64(timeout))
            ) { message in
                switch message.kind {
                case .data: return try printer.print(message.text) ? .next : .done
                case .control:
                    Output.error(JSONPretty.oneLine(message.text) + "\n")
                    return .next
                case .refusal(let reason):
                    refusal = reason
                    return .done
                }
            }
        } catch let error as TapFailure {
            throw Exit.because("\(address.text): \(error.reason)", Exit.unavailable)
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Exit.because("can't connect to \(address.text): \(ErrorSentence.of(error))", Exit.unavailable)
        }
        if let refusal {
            let hint = await TapHint.text(for: refusal, at: address, asked: channels, timeout: .seconds(Int64(timeout)))
            throw Exit.because(
                "\(address.text): \(refusal.explanation) (\(refusal.code))\(hint.map { "; \($0)" } ?? "")", Exit.unavailable)
        }
    }

    private func tap(topic: String, _ printer: LinePrinter) throws {
        let environment = ProcessInfo.processInfo.environment
        let list = try BrokerList.of(brokers, environment: environment)
        let start: TopicReader.Start =
            if let last { .last(last) } else if from == .beginning { .beginning } else { .end }
        var failure: (any Error)?
        do throws(KafkaError) {
            let reader = try TopicReader(
                brokers: list, properties: property.map(NameAndValue.of), topic: topic, logger: PatchbayLogs.quiet)
            defer { reader.close() }
            try reader.follow(from: start, timeout: .seconds(timeout)) { record in
                do {
                    return try printer.print(RecordLine.text(record))
                } catch {
                    failure = error
                    return false
                }
            }
        } catch {
            throw Exit.because(
                "can't read topic \(topic) at \(list.joined(separator: ", ")): \(error.message)", Exit.unavailable)
        }
        if let failure { throw failure }
    }
}

/// Prints lines that pass a filter, until there are enough or nobody reads them.
final class LinePrinter {
    private let filter: LineFilter
    private let count: Int?
    private var printed = 0

    init(filter: LineFilter, count: Int?) {
        self.filter = filter
        self.count = count
    }

    /// - Returns: whether to go on.
    /// - Throws: the exit code, after saying why, when the line can't be written.
    func print(_ json: String) throws -> Bool {
        let line = JSONPretty.oneLine(json)
        guard filter.passes(line, tell: { Output.error("patchbay: \($0)\n") }) else { return true }
        guard try Output.standard(line + "\n") == .taken else { return false }
        printed += 1
        return printed != count
    }
}

/// How a tap ends that would otherwise go on for ever.
enum TapEnd {
    /// Ctrl-C is how somebody who watches ends it, and no failure.
    static func onInterrupt() -> any DispatchSourceSignal {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { _exit(0) }
        source.activate()
        return source
    }

    /// So is closing the pipe behind it, as `head` does. On a quiet channel no further line would tell.
    static func whenReaderLeaves() {
        Thread.detachNewThread {
            // Without events only the end of the other side is reported; files and terminals never have one.
            var state = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            while poll(&state, 1, -1) < 0, errno == EINTR {}
            if state.revents & Int16(POLLERR | POLLHUP) != 0 { _exit(0) }
        }
    }
}
