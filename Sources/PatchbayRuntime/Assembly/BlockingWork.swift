import Dispatch

/// Where work goes that takes long and waits for nobody: Swift's pool has a thread per core for everything else.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "patchbay.off-pool", qos: .utility)

    /// One at a time.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }
}
