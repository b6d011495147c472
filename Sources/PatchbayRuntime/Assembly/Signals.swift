import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// SIGTERM and SIGINT: the first asks for an orderly shutdown, the second ends the process at once. SIGHUP asks for a
/// reload, as often as it comes.
final class Signals: @unchecked Sendable {
    // Sound: `sources` is set once and only kept alive; Dispatch's objects may be used from any thread.

    /// Exit code of a process ended by a signal, as shells report it: 128 and the signal's number.
    private static let base: Int32 = 128

    private let stream: AsyncStream<Int32>
    /// One element for each SIGHUP, or for several in quick succession.
    let hangups: AsyncStream<Void>
    private let sources: [any DispatchSourceSignal]

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        self.stream = stream
        let count = SignalCount()
        // A client that went away is an error on its socket, not a signal.
        signal(SIGPIPE, SIG_IGN)
        let (hangups, hangup) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.hangups = hangups
        signal(SIGHUP, SIG_IGN)
        let reloading = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        reloading.setEventHandler { hangup.yield() }
        reloading.activate()
        sources =
            [reloading]
            + [SIGTERM, SIGINT].map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler {
                    if count.next() > 1 {
                        PatchbayLogs.flush()
                        _exit(Self.base + number)
                    }
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
