import CLoad

/// Latencies in nanoseconds, at most 0.8 % above the true values.
struct Histogram: ~Copyable {
    /// Owned: made in `init`, destroyed in `deinit`.
    let pointer: OpaquePointer

    init() throws(BenchFailure) {
        guard let made = cload_histogram_create() else { throw BenchFailure("out of memory for a histogram") }
        pointer = made
    }

    deinit { cload_histogram_destroy(pointer) }

    var count: UInt64 { cload_histogram_count(pointer) }

    /// Milliseconds that `fraction` of the values don't exceed; 0 when there are none.
    func milliseconds(_ fraction: Double) -> Double { Double(cload_histogram_quantile(pointer, fraction)) / 1e6 }

    var maximumMilliseconds: Double { Double(cload_histogram_max(pointer)) / 1e6 }
}
