import Logging
import PatchbayAPI
import Synchronization

/// A plugin that is loaded.
package struct LoadedPlugin: Sendable {
    /// What its file holds, in a few characters: another one after a change.
    package let revision: String
    package let definitions: [TransformerDefinition]
}

/// Loads plugins. What is loaded stays for as long as the process runs, and the same content is loaded once.
///
/// Thread: any.
package enum PluginLoader {
    /// Bytes of a plugin's file.
    package static let largest = 256 << 20

    /// One content, whatever the files are called that hold it.
    private struct Known: Sendable {
        let count: Int
        let outcome: Result<Program, PluginFailure>
    }

    struct Program: Sendable {
        let code: any PluginCode
        let description: PluginDescription
    }

    private static let known = Mutex<[UInt64: Known]>([:])

    /// - Parameters:
    ///   - bytes: of its file.
    ///   - name: what people call it: its path.
    ///   - isolation: for a process of its own; `nil` for this process.
    ///   - limits: for a WebAssembly module.
    package static func load(
        _ bytes: [UInt8], name: String, isolation: PluginIsolation? = nil, limits: WasmLimits = .usual
    ) throws(PluginFailure) -> LoadedPlugin {
        let revision = bytes.withUnsafeBytes(Fingerprint.of)
        let program =
            if let isolation {
                try isolated(bytes, name: name, isolation)
            } else {
                try program(bytes, revision, name: name, limits)
            }
        return LoadedPlugin(revision: hex(revision), definitions: PluginDefinitions.make(program, plugin: name))
    }

    /// Whether this content is code of this process already.
    package static func isLoaded(_ bytes: [UInt8]) -> Bool {
        let fingerprint = bytes.withUnsafeBytes(Fingerprint.of)
        return known.withLock { $0[fingerprint]?.count == bytes.count }
    }

    static func program(_ bytes: [UInt8], name: String) throws(PluginFailure) -> Program {
        try program(bytes, bytes.withUnsafeBytes(Fingerprint.of), name: name, .usual)
    }

    /// Lines of plugins go to this log from now on.
    package static func log(to logger: Logger) { PluginLog.use(logger) }

    private static func program(
        _ bytes: [UInt8], _ fingerprint: UInt64, name: String, _ limits: WasmLimits
    ) throws(PluginFailure) -> Program {
        guard !LibraryImage.isWebAssembly(bytes) else { return try module(bytes, limits) }
        // Held while it is loaded: two loads at once would load it twice.
        let outcome = known.withLock { known in
            if let found = known[fingerprint], found.count == bytes.count { return found.outcome }
            let library: NativeLibrary.Image
            do throws(PluginFailure) {
                library = try image(bytes, name: name)
            } catch {
                // Nothing is loaded, and what is missing may be there next time.
                return .failure(error)
            }
            let outcome = Result { () throws(PluginFailure) in try open(library) }
            known[fingerprint] = Known(count: bytes.count, outcome: outcome)
            return outcome
        }
        return try outcome.get()
    }

    /// Not kept: nothing of it is in this process but a file in memory.
    private static func isolated(
        _ bytes: [UInt8], name: String, _ isolation: PluginIsolation
    ) throws(PluginFailure) -> Program {
        let code = try HelperCode(bytes, name: name, isolation)
        let described = try code.describe(limit: PluginDescription.longest)
        return Program(code: code, description: try read(described.description, hasTick: described.hasTick))
    }

    /// Not kept: its module is, for as long as something uses it.
    private static func module(_ bytes: [UInt8], _ limits: WasmLimits) throws(PluginFailure) -> Program {
        let code = try WasmCode(bytes, limits)
        let json = try code.description(limit: PluginDescription.longest)
        return Program(code: code, description: try read(json, hasTick: code.hasTick))
    }

    private static func image(_ bytes: [UInt8], name: String) throws(PluginFailure) -> NativeLibrary.Image {
        try NativeLibrary.Image(bytes, name: String(name.split(separator: "/").last ?? "plugin"))
    }

    private static func open(_ image: NativeLibrary.Image) throws(PluginFailure) -> Program {
        let library = try NativeLibrary(image)
        let json = library.description(limit: PluginDescription.longest)
        return Program(code: library, description: try read(json, hasTick: library.hasTick))
    }

    private static func read(_ json: [UInt8]?, hasTick: Bool) throws(PluginFailure) -> PluginDescription {
        guard let json else {
            throw PluginFailure(
                "gives no description", hint: "`patchbay_describe` returns the address of a pb_bytes with at most 1 MiB of JSON")
        }
        let description: PluginDescription
        do throws(DescriptionProblem) {
            description = try DescriptionReader.read(json)
        } catch {
            throw error.failure
        }
        if let ticking = description.transformers.first(where: { $0.tick != nil }), !hasTick {
            throw PluginFailure(
                "says that `\(ticking.name)` wants ticks, but doesn't export `patchbay_tick`", hint: "export it, or leave `tick_ms` out")
        }
        return description
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
