import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import PatchbayDelivery
import PatchbaySettings

/// Echoes every text and binary message, through the very same listener and connection code as the router, so that
/// public WebSocket conformance suites can be run against it.
@main
struct Echo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "A WebSocket echo server, for conformance suites.")

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on, 0 for any.")
    var port = 9001

    @Option(help: "Largest message in bytes; larger ones close the connection with 1009.")
    var maxMessage = 64 << 20

    func run() async throws {
        var settings = ServerConfiguration()
        settings.server.host = host
        settings.server.port = port
        settings.path = nil
        settings.server.maxMessage = maxMessage
        settings.server.readBuffer = 64 << 10
        settings.server.writeBuffer = 1 << 20
        let listener = WebSocketListener(
            configuration: settings, acceptsBinary: true, group: MultiThreadedEventLoopGroup.singleton,
            makeHandler: { _ in EchoHandler() },
            serveHTTP: { $0.close(promise: nil) })
        let address = "ws://\(host):\(try await listener.start())"
        // Not print(): into a pipe that would wait in a buffer, and the process that started us waits for this line.
        FileHandle.standardOutput.write(Data("echoing on \(address)\n".utf8))
        // Until a signal ends the process.
        try await Task.sleep(for: .seconds(365 * 24 * 3600))
    }
}

/// Sends back what comes.
///
/// Thread: loop.
private final class EchoHandler: MessageHandler {
    func connectionOpened(_ connection: any ClientConnection) {}
    func received(text: ByteBuffer, on connection: any ClientConnection) { connection.send(message: text, isText: true) }
    func received(binary: ByteBuffer, on connection: any ClientConnection) {
        connection.send(message: binary, isText: false)
    }
    func connectionBecameWritable(_ connection: any ClientConnection) {}
    func connectionClosed(_ connection: any ClientConnection) {}
}
