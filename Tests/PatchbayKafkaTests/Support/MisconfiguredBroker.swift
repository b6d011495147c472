import Synchronization
import TestSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A broker of a few dozen lines that behaves as one whose listener, address or user is configured wrongly: what
/// librdkafka's mock can't be. It answers ApiVersions, Metadata, FindCoordinator and SASL, and nothing else.
final class MisconfiguredBroker: Sendable {
    enum Behaviour: Sendable {
        /// Hangs up at the first bytes, as a TLS listener does to a client without.
        case hangsUp
        /// Hangs up at the first request behind ApiVersions, as a listener with SASL does to a client without.
        case hangsUpAfterVersions
        /// Knows no user.
        case refusesLogins
        /// Offers only SCRAM.
        case offersOtherMechanism
        /// Tells everybody that the cluster is at this port.
        case advertises(Int)
    }

    let port: Int
    private let listener: Int32
    private let behaviour: Behaviour
    private let connections = Mutex<[Int32]>([])
    private let isClosed = Atomic(false)

    var address: String { "127.0.0.1:\(port)" }

    struct Failure: Error { let errno: Int32 }

    init(_ behaviour: Behaviour) throws {
        self.behaviour = behaviour
        let socket = try ListeningSocket()
        (listener, port) = (socket.descriptor, socket.port)
        let broker = self
        var thread = pthread_t()
        let reference = Unmanaged.passRetained(Start { broker.accept() })
        pthread_create(&thread, nil, Self.enter, reference.toOpaque())
        pthread_detach(thread)
    }

    func close() {
        isClosed.store(true, ordering: .releasing)
        shutdown(listener, Int32(SHUT_RDWR))
        for connection in connections.withLock({ $0 }) { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    // MARK: Sockets

    private final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private static let enter: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
    }

    private func accept() {
        while !isClosed.load(ordering: .acquiring) {
            let connection = Glibc.accept(listener, nil, nil)
            guard connection >= 0 else { break }
            connections.withLock { $0.append(connection) }
            let broker = self
            var thread = pthread_t()
            let reference = Unmanaged.passRetained(Start { broker.serve(connection) })
            pthread_create(&thread, nil, Self.enter, reference.toOpaque())
            pthread_detach(thread)
        }
        Glibc.close(listener)
    }

    private func read(_ count: Int, from connection: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var got = 0
        while got < count {
            let result = bytes.withUnsafeMutableBytes { recv(connection, $0.baseAddress! + got, count - got, 0) }
            guard result > 0 else { return nil }
            got += result
        }
        return bytes
    }

    private func serve(_ connection: Int32) {
        defer {
            connections.withLock { $0.removeAll { $0 == connection } }
            Glibc.close(connection)
        }
        while let head = read(4, from: connection) {
            if case .hangsUp = behaviour { return }
            let size = head.reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8, size < 1 << 20, let request = read(size, from: connection) else { return }
            let key = Int(request[0]) << 8 | Int(request[1])
            guard let body = answer(key, version: Int(request[3])) else { return }
            var answer = Bytes()
            answer.int32(4 + body.bytes.count)
            answer.bytes += request[4..<8]
            answer.bytes += body.bytes
            answer.bytes.withUnsafeBytes { _ = send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
    }

    // MARK: The protocol (https://kafka.apache.org/protocol)

    private struct Bytes {
        var bytes: [UInt8] = []
        mutating func int16(_ value: Int) { bytes += [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)] }
        mutating func int32(_ value: Int) {
            int16(value >> 16)
            int16(value)
        }
        mutating func string(_ text: String) {
            int16(text.utf8.count)
            bytes += Array(text.utf8)
        }
    }

    /// Newest versions that this understands, by key.
    private static let versions = [
        (0, 3), (1, 4), (2, 1), (3, 4), (8, 2), (9, 1), (10, 1), (11, 2), (12, 1), (13, 1), (14, 1), (17, 1), (18, 3), (36, 0),
    ]

    /// `nil` hangs up.
    private func answer(_ key: Int, version: Int) -> Bytes? {
        var answer = Bytes()
        switch (key, behaviour) {
        case (18, _):
            answer.int16(0)
            if version >= 3 {
                answer.bytes.append(UInt8(Self.versions.count + 1))
            } else {
                answer.int32(Self.versions.count)
            }
            for (key, newest) in Self.versions {
                answer.int16(key)
                answer.int16(0)
                answer.int16(newest)
                if version >= 3 { answer.bytes.append(0) }
            }
            if version >= 1 { answer.int32(0) }
            if version >= 3 { answer.bytes.append(0) }
        case (17, .refusesLogins), (17, .offersOtherMechanism):
            var isOffered = true
            if case .offersOtherMechanism = behaviour { isOffered = false }
            answer.int16(isOffered ? 0 : 33)
            answer.int32(1)
            answer.string(isOffered ? "PLAIN" : "SCRAM-SHA-512")
        case (36, .refusesLogins):
            answer.int16(58)
            answer.string("Authentication failed: Invalid username or password")
            answer.int32(0)
        case (3, .advertises(let port)):
            if version >= 3 { answer.int32(0) }
            answer.int32(1)
            answer.int32(1)
            answer.string("127.0.0.1")
            answer.int32(port)
            if version >= 1 { answer.int16(-1) }
            if version >= 2 { answer.int16(-1) }
            if version >= 1 { answer.int32(1) }
            answer.int32(1)
            answer.int16(0)
            answer.string("orders")
            if version >= 1 { answer.bytes.append(0) }
            answer.int32(1)
            answer.int16(0)
            answer.int32(0)
            answer.int32(1)
            for _ in 0..<2 {
                answer.int32(1)
                answer.int32(1)
            }
        case (10, .advertises(let port)):
            if version >= 1 { answer.int32(0) }
            answer.int16(0)
            if version >= 1 { answer.int16(-1) }
            answer.int32(1)
            answer.string("127.0.0.1")
            answer.int32(port)
        default: return nil
        }
        return answer
    }
}
