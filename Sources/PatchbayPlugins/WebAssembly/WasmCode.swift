internal import CPatchbayPlugin
import PatchbayAPI
import Synchronization

/// A plugin that runs in memory of its own inside of this process, and can reach nothing else.
///
/// Thread: any.
final class WasmCode: PluginCode {
    private let module: WasmModule
    private let limits: WasmLimits

    let place = PluginOrigin.Place.webassembly
    let restarts: RestartPolicy?

    init(_ bytes: [UInt8], _ limits: WasmLimits) throws(PluginFailure) {
        module = try WasmModule.compile(bytes)
        self.limits = limits
        restarts = RestartPolicy(retryTime: limits.patience.retries)
    }

    var hasTick: Bool { module.hasTick }

    /// What the plugin says it has; `nil` for nothing, and for more than `limit` bytes.
    func description(limit: Int) throws(PluginFailure) -> [UInt8]? {
        let store = try WasmStore(module, limits)
        var version: UInt32 = 0
        try store.check(plugin_wasm_abi(store.instance, &version))
        guard version == PATCHBAY_ABI else { throw PluginFailure.otherABI(version) }
        var (start, length): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
        try store.check(plugin_wasm_describe(store.instance, &start, &length))
        guard let start, Int(length) <= limit else { return nil }
        return Array(UnsafeBufferPointer(start: start, count: Int(length)))
    }

    func makeInstance(of transformer: Int, options: [UInt8], log: PluginVerdicts) -> (any PluginInstance)? {
        let store: WasmStore
        do throws(PluginFailure) {
            store = try WasmStore(module, limits)
        } catch {
            log.breaks(error.problem)
            return nil
        }
        let outcome = options.withUnsafeBytes { options in
            plugin_wasm_create(store.instance, UInt32(transformer), options.baseAddress, UInt32(options.count))
        }
        store.said.tellLog(of: log)
        switch outcome {
        case PLUGIN_WASM_DONE: return WasmInstance(store)
        // What a plugin that refuses has to say, it has said.
        case PLUGIN_WASM_REFUSED: break
        default: log.breaks(store.ending(outcome, isStart: true))
        }
        return nil
    }
}

/// An instance of a module, with its memory.
///
/// Thread: one at a time.
private final class WasmStore {
    // Sound: ours alone, and ended with the last reference.
    let instance: OpaquePointer
    let limits: WasmLimits
    /// Its code.
    private let module: WasmModule

    init(_ module: WasmModule, _ limits: WasmLimits) throws(PluginFailure) {
        var problem = plugin_wasm_problem()
        guard let instance = plugin_wasm_begin(module.code, limits.forCalls, &problem) else { throw WasmModule.failure(&problem) }
        self.instance = instance
        self.module = module
        self.limits = limits
    }

    deinit { plugin_wasm_end(instance) }

    /// What it said in the last call; valid until the next one.
    var said: PluginEntries {
        var count = 0
        let start = plugin_wasm_said(instance, &count)
        return PluginEntries(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count))
    }

    func check(_ outcome: UInt32) throws(PluginFailure) {
        guard outcome == PLUGIN_WASM_DONE else { throw PluginFailure(ending(outcome, isStart: true)) }
    }

    /// How a call ended that didn't come to its end. Completes "the plugin …".
    func ending(_ outcome: UInt32, isStart: Bool) -> String {
        let how = plugin_wasm_how(instance)
        let text = PluginText.bounded(
            UnsafeRawBufferPointer(start: how.text, count: String(cString: how.text).utf8.count), limit: PluginText.sentenceLimit)
        return switch outcome {
        case PLUGIN_WASM_LATE where isStart: "didn't start within \(limits.patience.start)"
        case PLUGIN_WASM_LATE: "didn't answer within its deadline of \(limits.deadline)"
        case PLUGIN_WASM_FULL: "says more than fits into \(WasmLimits.output >> 20) MiB or \(PLUGIN_HELPER_ENTRIES) verdicts"
        case PLUGIN_WASM_OUTSIDE: "gives an address outside of its memory: \(text)"
        case PLUGIN_WASM_NO_ROOM: "has no room for what it is given: `patchbay_allocate` returns NULL"
        case PLUGIN_WASM_TRAPPED: Self.trap(how.trap) ?? "was stopped: \(text)"
        default: "can't be run: \(text)"
        }
    }

    /// By wasmtime's numbers.
    private static func trap(_ number: Int32) -> String? {
        switch number {
        case 0: "ran out of stack"
        case 1: "reached outside of its memory"
        case 3, 4, 5: "called a function that there isn't"
        case 6, 8: "made a number that doesn't fit"
        case 7: "divided by zero"
        case 9: "gave up (`unreachable`)"
        default: nil
        }
    }
}

/// Thread: one at a time.
private final class WasmInstance: PluginInstance {
    private let store: WasmStore
    private let taken = WasmMemory()

    var memory: (any PluginMemory)? { taken }

    init(_ store: WasmStore) {
        self.store = store
        taken.note(store.instance)
    }

    func process(_ batch: UnsafePointer<pb_batch>, into verdicts: PluginVerdicts) -> Bool {
        let count = Int(batch.pointee.count)
        var first = 0
        // In parts, where a batch is larger than may be put there at a time. One that is empty is a call as well.
        repeat {
            var taken: UInt32 = 0
            let outcome = plugin_wasm_process(store.instance, batch, UInt32(first), &taken)
            guard outcome != PLUGIN_WASM_TOO_LARGE else {
                verdicts.rejectTooLarge(first, limit: store.limits.input)
                first += 1
                continue
            }
            guard settle(outcome, verdicts, first, Int(taken)) else { return false }
            first += Int(taken)
        } while first < count
        return true
    }

    func tick(nowMilliseconds: Int64, into verdicts: PluginVerdicts) -> Bool {
        settle(plugin_wasm_tick(store.instance, nowMilliseconds), verdicts, 0, 0)
    }

    /// Passes on what it said of records.
    ///
    /// - Returns: whether the instance is still of use.
    private func settle(_ outcome: UInt32, _ verdicts: PluginVerdicts, _ first: Int, _ count: Int) -> Bool {
        taken.note(store.instance)
        let isWhole = outcome == PLUGIN_WASM_DONE || outcome == PLUGIN_WASM_FAILED
        store.said.apply(to: verdicts, first, count, isBroken: !isWhole)
        if outcome == PLUGIN_WASM_DONE { return true }
        if isWhole {
            verdicts.gaveUp(plugin_wasm_how(store.instance).returned)
        } else {
            verdicts.breaks(store.ending(outcome, isStart: false))
        }
        return false
    }
}

/// What an instance has of memory, as far as its last call.
///
/// Thread: any; written by that of the instance.
private final class WasmMemory: PluginMemory {
    private let count = Atomic<Int>(0)

    var bytes: Int? { count.load(ordering: .relaxed) }

    func note(_ instance: OpaquePointer) { count.store(Int(plugin_wasm_memory(instance)), ordering: .relaxed) }
}
