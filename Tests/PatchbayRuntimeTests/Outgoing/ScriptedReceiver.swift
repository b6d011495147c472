import Foundation
import Synchronization
import TestSupport

/// A tiny HTTP/1.1 server on loopback that answers as it is told and remembers what it was asked.
final class ScriptedReceiver: Sendable {
    enum Reply: Sendable {
        case status(Int, headers: [String: String] = [:])
        /// Reads the request and closes the connection.
        case hangUp
        /// Reads the request and answers nothing until the other side gives up.
        case silence
        /// Begins the head of an answer and then sends a byte of it now and then, without end.
        case trickle
        case notHTTP
        /// Sends a whole head and then a body without end.
        case endless
    }

    struct Request: Sendable {
        /// Such as `POST /hook HTTP/1.1`.
        var line: String
        /// Names in lower case.
        var headers: [String: String]
        var body: Data

        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }
        /// `firing trades`
        var word: String { "\(json["status"] ?? "?") \(json["topic"] ?? "?")" }
    }

    private struct State {
        var script: [Reply]
        var requests: [Request] = []
        var isStopped = false
    }

    let port: Int
    private let listener: Int32
    private let state: Mutex<State>

    /// - Parameter script: one reply per request; 200 when it is used up.
    init(_ script: [Reply] = []) throws {
        signal(SIGPIPE, SIG_IGN)
        state = Mutex(State(script: script))
        let socket = try ListeningSocket(backlog: 16)
        listener = socket.descriptor
        port = socket.port
        Thread.detachNewThread { [self] in acceptAll() }
    }

    var url: String { "http://127.0.0.1:\(port)/hook" }
    var requests: [Request] { state.withLock { $0.requests } }
    var words: [String] { requests.map(\.word) }

    /// Every later connection is refused.
    func stop() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            // Closed by the accepting thread: it could meet another socket under a number that is free again.
            shutdown(listener, Int32(SHUT_RDWR))
        }
    }

    private func acceptAll() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else {
                close(listener)
                return
            }
            Thread.detachNewThread { [self] in
                serve(connection)
                close(connection)
            }
        }
    }

    private func serve(_ connection: Int32) {
        guard let request = read(connection) else { return }
        let reply = state.withLock { state in
            state.requests.append(request)
            return state.script.isEmpty ? .status(200) : state.script.removeFirst()
        }
        switch reply {
        case .status(let status, let headers):
            let extra = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
            send(connection, "HTTP/1.1 \(status) Status\r\nContent-Length: 2\r\nConnection: close\r\n\(extra)\r\nok")
        case .hangUp: break
        case .silence: waitForEnd(connection)
        case .trickle:
            send(connection, "HTTP/1.1 200 OK\r\nX-Slow: ")
            // One byte of a header that never ends, every 20 ms, until the peer has had enough.
            while send(connection, "2") {
                var entry = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
                if poll(&entry, 1, 20) != 0 { return }
            }
        case .endless:
            send(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while send(connection, String(repeating: "x", count: 100)) {
                var entry = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
                if poll(&entry, 1, 10) != 0 { return }
            }
        case .notHTTP: send(connection, "SSH-2.0-OpenSSH_9.6\r\n")
        }
    }

    private func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    guard let name = parts.first, let value = parts.dropFirst().first else { continue }
                    headers[name.lowercased()] = value.trimmingCharacters(in: .whitespaces)
                }
                let length = headers["content-length"].flatMap { Int($0) } ?? 0
                if bytes.count - end.upperBound >= length {
                    return Request(
                        line: lines.first ?? "", headers: headers,
                        body: Data(bytes[end.upperBound..<(end.upperBound + length)]))
                }
            }
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            bytes += chunk.prefix(count)
        }
    }

    private func waitForEnd(_ connection: Int32) {
        var chunk = [UInt8](repeating: 0, count: 64)
        while recv(connection, &chunk, chunk.count, 0) > 0 {}
    }

    @discardableResult
    private func send(_ connection: Int32, _ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return Foundation.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }
}
