import Glibc

/// A socket on loopback that takes connections, at a port of the kernel's choice. Its maker closes it.
public struct ListeningSocket: Sendable {
    public let descriptor: Int32
    public let port: Int

    /// - Parameter backlog: connections that the kernel takes by itself.
    public init(backlog: Int32 = 64) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SocketFailure(description: "socket: \(String(cString: strerror(errno)))") }
        let listener = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, backlog) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard isListening else {
            let reason = String(cString: strerror(errno))
            close(listener)
            throw SocketFailure(description: "listen: \(reason)")
        }
        port = Int(in_port_t(bigEndian: address.sin_port))
    }

    /// A port that was free a moment ago, and that nothing listens on.
    public static func unusedPort() throws -> Int {
        let socket = try ListeningSocket()
        close(socket.descriptor)
        return socket.port
    }
}
