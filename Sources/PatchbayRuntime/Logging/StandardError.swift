import PatchbayConfig
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes lines to a descriptor without ever ending or stopping the process: whatever can't be written is dropped.
///
/// Needs SIGPIPE ignored, or a descriptor that is no pipe. Thread: any.
final class StandardError: Sendable {
    static let shared = StandardError(descriptor: 2)

    /// What a pipe that `poll` calls writable takes without blocking (POSIX: PIPE_BUF, Linux: a page).
    private static let pieceOfPipe = 4096

    private static let sendFlags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)

    private struct State {
        var isStuck = false
        /// The last line was cut off in its middle, so that the next one has to begin with a line feed.
        var isCut = false
    }

    private let descriptor: Int32
    private let patience: Duration
    private let kind: DescriptorKind
    private let state = Mutex(State())

    /// - Parameter patience: how long a reader that doesn't read may hold up the program; once it has, nothing is
    ///   waited for until it reads again.
    init(descriptor: Int32, patience: Duration = .milliseconds(250)) {
        self.descriptor = descriptor
        self.patience = patience
        kind = DescriptorKind(of: descriptor)
    }

    /// Writes a line whole. Lines of several threads don't mix: each is one write, and there is one at a time.
    ///
    /// Pipes get long lines in pieces, because a pipe with room for some of a line would block for the rest.
    ///
    /// - Returns: whether all of it was written.
    func write(_ line: [UInt8]) -> Bool {
        state.withLock { state in
            let deadline = ContinuousClock.now + (state.isStuck ? .zero : patience)
            if state.isCut {
                state.isCut = put([UInt8(ascii: "\n")], until: deadline) == 0
            }
            guard !state.isCut else { return false }
            let written = put(line[...], until: deadline)
            state.isStuck = written < line.count
            state.isCut = state.isStuck && written > 0
            return !state.isStuck
        }
    }

    /// - Returns: how many bytes were written.
    private func put(_ bytes: ArraySlice<UInt8>, until deadline: ContinuousClock.Instant) -> Int {
        var rest = bytes
        while !rest.isEmpty {
            guard isWritable(until: deadline) else { break }
            let piece = kind == .pipe ? rest.prefix(Self.pieceOfPipe) : rest
            let count = piece.withUnsafeBytes { buffer in
                kind == .socket
                    ? send(descriptor, buffer.baseAddress, buffer.count, Self.sendFlags)
                    : systemWrite(descriptor, buffer.baseAddress, buffer.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
                break
            }
        }
        return bytes.count - rest.count
    }

    private func isWritable(until deadline: ContinuousClock.Instant) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let left = max(.zero, deadline - .now)
            let result = poll(&entry, 1, Int32((left / .milliseconds(1)).rounded(.up)))
            // A closed descriptor or reader is "ready" too: writing says so, at once.
            if result > 0 { return true }
            if result == 0 || errno != EINTR { return false }
        }
    }
}

private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}
