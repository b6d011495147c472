internal import CPatchbayPlugin
import Synchronization

/// A compiled WebAssembly module. One content is compiled once, for as long as something uses it.
///
/// Thread: any.
final class WasmModule: Sendable {
    /// Bytes of a file: compiling takes seconds for each of the last of them.
    static let largest = 16 << 20

    // Sound: the module is never written to after it is made, and ended with its last reference.
    nonisolated(unsafe) let code: OpaquePointer

    private struct Known: Sendable {
        weak var module: WasmModule?
        let count: Int
    }

    private static let known = Mutex<[UInt64: Known]>([:])

    /// Compiles a file's content, on this thread.
    static func compile(_ bytes: [UInt8]) throws(PluginFailure) -> WasmModule {
        guard bytes.count <= largest else {
            throw PluginFailure(
                "has \(bytes.count >> 20) MiB, and a module may have \(largest >> 20)",
                hint: "link it with `--strip-all`; what is left decides how long compiling takes")
        }
        try WasmLibrary.load()
        let fingerprint = bytes.withUnsafeBytes(Fingerprint.of)
        // Held while it is compiled: two loads at once would compile it twice.
        let outcome: Result<WasmModule, PluginFailure> = known.withLock { known in
            if let found = known[fingerprint], found.count == bytes.count, let module = found.module { return .success(module) }
            known = known.filter { $0.value.module != nil }
            let outcome = Result { () throws(PluginFailure) in try WasmModule(bytes) }
            if case .success(let module) = outcome { known[fingerprint] = Known(module: module, count: bytes.count) }
            return outcome
        }
        return try outcome.get()
    }

    private init(_ bytes: [UInt8]) throws(PluginFailure) {
        var problem = plugin_wasm_problem()
        // Not empty: it has a header.
        let code = bytes.withUnsafeBytes { bytes in bytes.baseAddress.flatMap { plugin_wasm_compile($0, bytes.count, &problem) } }
        guard let code else { throw Self.failure(&problem) }
        self.code = code
    }

    deinit { plugin_wasm_module_end(code) }

    var hasTick: Bool { plugin_wasm_has_tick(code) != 0 }

    static func failure(_ problem: inout plugin_wasm_problem) -> PluginFailure {
        let text = PluginText.of(&problem)
        return switch problem.kind {
        case PLUGIN_WASM_UNKNOWN_IMPORT:
            PluginFailure(
                "imports `\(text)`, which Patchbay doesn't have",
                hint: "a plugin gets `emit`, `reject`, `filter` and `log` of `patchbay` and nothing else: no files, no clock, no WASI")
        case PLUGIN_WASM_OTHER_IMPORT:
            PluginFailure("imports `\(text)` with other parameters", hint: "declare it as patchbay_plugin.h does")
        case PLUGIN_WASM_NOT_EXPORTED:
            PluginFailure(
                "doesn't export `\(text)`",
                hint: text == "memory"
                    ? "linkers export it unless they are told to import it" : "patchbay_plugin.h exports it by `export_name`")
        case PLUGIN_WASM_OTHER_EXPORT:
            PluginFailure("exports `\(text)` with other parameters", hint: "declare it as patchbay_plugin.h does, for 32-bit WebAssembly")
        case PLUGIN_WASM_NOT_INSTANTIATED:
            PluginFailure("can't be started: \(text)", hint: "what it needs to begin with must fit into `memory`")
        default: PluginFailure("can't be compiled: \(text)", hint: "docs/plugins.md says which features of WebAssembly there are")
        }
    }
}

extension PluginText {
    static func of(_ problem: inout plugin_wasm_problem) -> String {
        withUnsafeBytes(of: &problem.text) { bytes in
            bounded(UnsafeRawBufferPointer(rebasing: bytes.prefix { $0 != 0 }), limit: sentenceLimit)
        }
    }
}
