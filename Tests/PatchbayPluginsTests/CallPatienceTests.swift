import PatchbaySettings
import Testing

@testable import PatchbayPlugins

@Suite("A plugin with a deadline")
struct CallPatienceTests {
    /// Forty records that hang, in one batch, kept the consumer thread for eleven seconds: after eight it counted as stuck, and the
    /// liveness probe would have had the router restarted, to read the same records again.
    @Test("never makes the consumer thread look stuck, as things are set by default")
    func defaults() {
        let threshold = ServerSettings().livenessThreshold
        #expect(PluginIsolation(deadline: .seconds(1), memory: 1 << 20).patience.longest < threshold)
        #expect(WasmLimits.usual.patience.longest < threshold)
    }

    @Test(
        "has time to start, and for retries, but no more than it needs",
        arguments: [(50, 500, 500), (1000, 3000, 2000), (20_000, 20_000, 20_000)])
    func parts(deadline: Int, start: Int, retries: Int) {
        let patience = CallPatience(deadline: .milliseconds(deadline))
        #expect(patience.start == .milliseconds(start))
        #expect(patience.retries == .milliseconds(retries))
    }
}
