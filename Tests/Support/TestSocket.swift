import Dispatch
import Foundation
import Glibc

/// Something went wrong with a test's own socket.
public struct SocketFailure: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// A plain TCP client for tests: raw bytes out and in, so that it can be as rude as real clients are.
///
/// Blocking system calls run on a queue of their own, never on Swift's concurrency pool.
public final class TestSocket: @unchecked Sendable {
    // Sound: `buffer`, `isAtEnd` and `isReset` are touched on `queue` only; `descriptor` never changes, and closing is guarded.
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "test-socket")
    private var buffer: [UInt8] = []
    private var isAtEnd = false
    private var isReset = false
    private let closing = NSLock()
    private var isClosed = false

    /// - Parameters:
    ///   - receiveBuffer: size of the kernel's receive buffer; small ones make a slow reader quickly.
    ///   - greeting: sent at once, before anything else of the test can get in between.
    public init(port: Int, receiveBuffer: Int32? = nil, greeting: [UInt8] = []) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SocketFailure(description: "socket: \(String(cString: strerror(errno)))") }
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            Glibc.close(descriptor)
            isClosed = true
            throw SocketFailure(description: "connect to \(port): \(reason)")
        }
        try sendBlocking(greeting)
    }

    deinit { close() }

    public func close() {
        closing.withLock {
            guard !isClosed else { return }
            isClosed = true
            Glibc.close(descriptor)
        }
    }

    /// Closes at once with a reset instead of an orderly end.
    public func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Ends our direction only.
    public func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends all bytes; waits while the peer has no room.
    public func send(_ bytes: [UInt8]) async throws {
        try await onQueue { [self] in try sendBlocking(bytes) }
    }

    private func sendBlocking(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { rest in
                Glibc.send(descriptor, rest.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SocketFailure(description: "send: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    public func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// The next `count` bytes.
    public func receive(_ count: Int, timeout: Duration = .seconds(60)) async throws -> [UInt8] {
        try await onQueue { [self] in
            try fill(timeout) { buffer.count >= count }
            defer { buffer.removeFirst(count) }
            return Array(buffer.prefix(count))
        }
    }

    /// Everything up to and with `separator`.
    public func receive(through separator: String, timeout: Duration = .seconds(60)) async throws -> String {
        let pattern = Array(separator.utf8)
        return try await onQueue { [self] in
            var end: Int?
            try fill(timeout) {
                end = buffer.firstRange(of: pattern)?.upperBound
                return end != nil
            }
            let text = String(decoding: buffer.prefix(end ?? 0), as: UTF8.self)
            buffer.removeFirst(end ?? 0)
            return text
        }
    }

    /// Everything until the peer ends its stream or resets the connection.
    public func receiveToEnd(timeout: Duration = .seconds(60)) async throws -> [UInt8] {
        try await onQueue { [self] in
            do { try fill(timeout) { false } } catch is EndOfStream {}
            defer { buffer.removeAll() }
            return buffer
        }
    }

    /// Everything until the peer ends its stream, and whether it did so with a reset instead of an orderly end.
    public func receiveToEndOrReset(timeout: Duration = .seconds(60)) async throws -> (text: String, wasReset: Bool) {
        let bytes = try await receiveToEnd(timeout: timeout)
        return (String(decoding: bytes, as: UTF8.self), try await onQueue { [self] in isReset })
    }

    /// The peer ended its stream.
    public struct EndOfStream: Error {}

    private func fill(_ timeout: Duration, until isEnough: () -> Bool) throws {
        let deadline = ContinuousClock.now + timeout
        while !isEnough() {
            if isAtEnd { throw EndOfStream() }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = (deadline - .now) / .milliseconds(1)
            guard left > 0, poll(&entry, 1, Int32(left)) > 0 else {
                throw SocketFailure(description: "nothing came within \(timeout)")
            }
            var chunk = [UInt8](repeating: 0, count: 256 << 10)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 {
                buffer.append(contentsOf: chunk.prefix(count))
            } else {
                isAtEnd = true
                isReset = count < 0
            }
        }
    }

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
