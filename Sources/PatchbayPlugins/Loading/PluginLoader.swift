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
    package static func load(
        _ bytes: [UInt8], name: String, isolation: PluginIsolation? = nil
    ) throws(PluginFailure) -> LoadedPlugin {
        let revision = fingerprint(bytes)
        let program =
            if let isolation {
                try isolated(bytes, name: name, isolation)
            } else {
                try program(bytes, revision, name: name)
            }
        return LoadedPlugin(revision: hex(revision), definitions: PluginDefinitions.make(program, plugin: name))
    }

    /// Whether this content is in this process already.
    package static func isLoaded(_ bytes: [UInt8]) -> Bool {
        let fingerprint = fingerprint(bytes)
        return known.withLock { $0[fingerprint]?.count == bytes.count }
    }

    static func program(_ bytes: [UInt8], name: String) throws(PluginFailure) -> Program {
        try program(bytes, fingerprint(bytes), name: name)
    }

    /// Lines of plugins go to this log from now on.
    package static func log(to logger: Logger) { PluginLog.use(logger) }

    private static func program(_ bytes: [UInt8], _ fingerprint: UInt64, name: String) throws(PluginFailure) -> Program {
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
        guard !LibraryImage.isWebAssembly(bytes) else { throw isModule }
        let code = try HelperCode(bytes, name: name, isolation)
        let described = try code.describe(limit: PluginDescription.longest)
        return Program(code: code, description: try read(described.description, hasTick: described.hasTick))
    }

    private static let isModule = PluginFailure(
        "is a WebAssembly module, which this version can't run yet", hint: "build it as a shared library: docs/plugins.md says how")

    private static func image(_ bytes: [UInt8], name: String) throws(PluginFailure) -> NativeLibrary.Image {
        guard !LibraryImage.isWebAssembly(bytes) else { throw isModule }
        return try NativeLibrary.Image(bytes, name: String(name.split(separator: "/").last ?? "plugin"))
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

    /// FNV-1a over words: tells contents apart that are not made to be taken for each other, which a plugin's author has no reason
    /// to try, since a plugin may do what it wants anyway.
    private static func fingerprint(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { bytes in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            var place = 0
            while place + 8 <= bytes.count {
                hash = (hash ^ bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)) &* 0x100_0000_01B3
                // Multiplying carries upwards only.
                hash ^= hash >> 29
                place += 8
            }
            for byte in bytes[place...] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            return hash ^ hash >> 32
        }
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
