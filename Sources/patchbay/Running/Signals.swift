import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// SIGTERM and SIGINT: the first asks for an orderly shutdown, the second ends the process at once.
final class Signals: @unchecked Sendable {
    // Sound: `sources` is set once and only kept alive; Dispatch's objects may be used from any thread.

    /// Exit code of a process ended by a signal, as shells report it: 128 and the signal's number.
    private static let base: Int32 = 128

    private let stream: AsyncStream<Int32>
    private let sources: [any DispatchSourceSignal]

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        self.stream = stream
        let count = SignalCount()
        // A client that went away is an error on its socket, not a signal.
        signal(SIGPIPE, SIG_IGN)
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if count.next() > 1 { _exit(Self.base + number) }
                continuation.yield(number)
            }
            source.activate()
            return source
        }
    }

    /// Waits for the first signal.
    func first() async -> Int32? {
        for await number in stream { return number }
        return nil
    }
}

private final class SignalCount: Sendable {
    private let value = Atomic<Int>(0)
    func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).newValue }
}
