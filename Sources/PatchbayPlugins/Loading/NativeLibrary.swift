internal import CPatchbayPlugin
import PatchbayAPI
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A plugin in this process. Trusted: what it does outside of the contract, it does to the router.
///
/// Thread: any.
final class NativeLibrary: PluginCode {
    typealias ABI = @convention(c) () -> UInt32
    typealias Describe = @convention(c) () -> UnsafePointer<pb_bytes>?
    typealias Create = @convention(c) (UInt32, UnsafePointer<pb_bytes>?, UnsafePointer<pb_output>?) -> UnsafeMutableRawPointer?
    typealias Process = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<pb_batch>?, UnsafePointer<pb_output>?) -> Int32
    typealias Tick = @convention(c) (UnsafeMutableRawPointer?, Int64, UnsafePointer<pb_output>?) -> Int32
    typealias Destroy = @convention(c) (UnsafeMutableRawPointer?) -> Void

    fileprivate let create: Create
    fileprivate let process: Process
    fileprivate let tick: Tick?
    fileprivate let destroy: Destroy
    private let describe: Describe
    fileprivate let outputs = OutputPool()

    let place = PluginOrigin.Place.router
    /// Whether it exports `patchbay_tick`.
    var hasTick: Bool { tick != nil }

    /// A library in this process's memory, where it stays.
    struct Image {
        fileprivate let handle: UnsafeMutableRawPointer

        /// - Parameter name: what debuggers and `/proc/self/maps` call it.
        init(_ bytes: [UInt8], name: String) throws(PluginFailure) {
            if let problem = LibraryImage.problem(bytes) { throw problem }
            var loaded = bytes.withUnsafeBytes { bytes in
                // Not empty: it has a header.
                bytes.baseAddress.map { plugin_host_load($0, bytes.count, name) } ?? plugin_host_library()
            }
            guard let handle = loaded.handle else {
                if let call = loaded.call {
                    throw PluginFailure(
                        "can't be loaded: \(String(cString: call)) says error \(loaded.error)",
                        hint: "the router needs /proc and memory that may be run; see docs/plugins.md")
                }
                let reason = withUnsafeBytes(of: &loaded.message) { bytes in
                    PluginText.bounded(UnsafeRawBufferPointer(rebasing: bytes.prefix { $0 != 0 }), limit: PluginText.sentenceLimit)
                }
                throw PluginFailure(
                    "can't be loaded: \(reason)", hint: "`ldd` shows which libraries it needs; install them, or link them into the plugin")
            }
            self.handle = handle
        }
    }

    init(_ image: Image) throws(PluginFailure) {
        /// The symbol is what the header says, or the plugin's author wrote another one under its name.
        func function<Function>(_ name: String, _ type: Function.Type) throws(PluginFailure) -> Function {
            guard let address = plugin_host_symbol(image.handle, name) else {
                throw PluginFailure(
                    "doesn't export `\(name)`",
                    hint: "include patchbay_plugin.h, which makes it visible; in C++, inside `extern \"C\"`")
            }
            return unsafeBitCast(address, to: type)
        }
        let version = try function("patchbay_abi", ABI.self)()
        guard version == PATCHBAY_ABI else { throw PluginFailure.otherABI(version) }
        describe = try function("patchbay_describe", Describe.self)
        create = try function("patchbay_create", Create.self)
        process = try function("patchbay_process", Process.self)
        destroy = try function("patchbay_destroy", Destroy.self)
        tick = plugin_host_symbol(image.handle, "patchbay_tick").map { unsafeBitCast($0, to: Tick.self) }
    }

    /// A copy of the text that says what it has; `nil` when there is none, or one that is too long.
    func description(limit: Int) -> [UInt8]? { describe()?.pointee.bytes(limit: limit) }

    func makeInstance(of transformer: Int, options: [UInt8], log: PluginVerdicts) -> (any PluginInstance)? {
        let output = outputs.take()
        let instance = options.withUnsafeBytes { options in
            var text = pb_bytes(options)
            return output.open(for: log) { create(UInt32(transformer), &text, $0) }
        }
        guard let instance else {
            outputs.giveBack(output)
            return nil
        }
        return NativeInstance(instance, of: self, output)
    }
}

/// Thread: one at a time.
private final class NativeInstance: PluginInstance {
    private let library: NativeLibrary
    private let instance: UnsafeMutableRawPointer
    private let output: NativeOutput

    init(_ instance: UnsafeMutableRawPointer, of library: NativeLibrary, _ output: NativeOutput) {
        self.instance = instance
        self.library = library
        self.output = output
    }

    deinit {
        library.destroy(instance)
        library.outputs.giveBack(output)
    }

    func process(_ batch: UnsafePointer<pb_batch>, into verdicts: PluginVerdicts) -> Bool {
        isOfUse(output.open(for: verdicts) { library.process(instance, batch, $0) }, verdicts)
    }

    func tick(nowMilliseconds: Int64, into verdicts: PluginVerdicts) -> Bool {
        guard let tick = library.tick else { return true }
        return isOfUse(output.open(for: verdicts) { tick(instance, nowMilliseconds, $0) }, verdicts)
    }

    private func isOfUse(_ result: Int32, _ verdicts: PluginVerdicts) -> Bool {
        if result != 0 { verdicts.gaveUp(result) }
        return result == 0
    }
}

/// The `pb_output` of an instance. Its memory is never freed, only used again: a plugin may have kept the address.
private struct NativeOutput: @unchecked Sendable {
    // Sound: belongs to one instance at a time, which is used by one thread at a time.
    private let memory: UnsafeMutablePointer<plugin_host_output>

    init() {
        memory = .allocate(capacity: 1)
        memory.initialize(
            to: plugin_host_output(
                callbacks: pb_output(
                    size: UInt32(MemoryLayout<pb_output>.size), abi: PATCHBAY_ABI,
                    emit: { output, record, data, length in
                        NativeOutput.receiver(output)?.emit(record, data.map { UnsafeRawBufferPointer(plugin: $0, length) })
                    },
                    reject: { output, record, code, codeLength, field, fieldLength, text, textLength in
                        NativeOutput.receiver(output)?.reject(
                            record, code: UnsafeRawBufferPointer(plugin: code, codeLength),
                            field: UnsafeRawBufferPointer(plugin: field, fieldLength),
                            text: UnsafeRawBufferPointer(plugin: text, textLength))
                    },
                    filter: { output, record, text, length in
                        NativeOutput.receiver(output)?.filter(record, text: UnsafeRawBufferPointer(plugin: text, length))
                    },
                    log: { output, level, text, length in
                        NativeOutput.receiver(output)?.log(level, UnsafeRawBufferPointer(plugin: text, length))
                    }), receiver: nil, thread: 0))
    }

    /// Who takes what a callback brings: only during the call that the output was passed to, and only on its thread.
    private static func receiver(_ output: UnsafePointer<pb_output>?) -> PluginVerdicts? {
        guard let output else { return nil }
        let memory = UnsafeRawPointer(output).assumingMemoryBound(to: plugin_host_output.self)
        guard let receiver = memory.pointee.receiver, memory.pointee.thread == plugin_host_thread() else { return nil }
        // Alive: `open` holds it for as long as it is there.
        return Unmanaged<PluginVerdicts>.fromOpaque(receiver).takeUnretainedValue()
    }

    func open<Result>(for verdicts: PluginVerdicts, _ call: (UnsafePointer<pb_output>) -> Result) -> Result {
        memory.pointee.thread = plugin_host_thread()
        memory.pointee.receiver = Unmanaged.passUnretained(verdicts).toOpaque()
        defer { memory.pointee.receiver = nil }
        return withExtendedLifetime(verdicts) {
            call(UnsafeRawPointer(memory).assumingMemoryBound(to: pb_output.self))
        }
    }
}

/// Outputs that no instance uses.
///
/// Thread: any.
private final class OutputPool: Sendable {
    private let unused = Mutex<[NativeOutput]>([])

    func take() -> NativeOutput { unused.withLock { $0.popLast() } ?? NativeOutput() }
    func giveBack(_ output: NativeOutput) { unused.withLock { $0.append(output) } }
}
