internal import CPatchbayPlugin

/// What an instance of a WebAssembly plugin may use.
package struct WasmLimits: Sendable, Equatable {
    /// How long a call may take.
    package var deadline: Duration
    /// Bytes of memory.
    package var memory: Int

    package static let usual = WasmLimits(deadline: .seconds(1), memory: 64 << 20)

    package init(deadline: Duration, memory: Int) {
        self.deadline = deadline
        self.memory = memory
    }

    /// Bytes of a batch that are put into its memory at a time: there must be room for what the plugin makes of them.
    var input: Int { min(32 << 20, memory / 4) }
    /// Bytes that it may say in a call.
    static let output = 32 << 20

    var patience: CallPatience { CallPatience(deadline: deadline) }

    var forCalls: plugin_wasm_limits {
        plugin_wasm_limits(
            memory: UInt64(memory), deadline_ns: deadline.nanoseconds, start_deadline_ns: patience.start.nanoseconds, input: UInt64(input),
            output: UInt64(Self.output), entries: PLUGIN_HELPER_ENTRIES)
    }
}
