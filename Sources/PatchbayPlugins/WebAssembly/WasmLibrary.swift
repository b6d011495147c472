internal import CPatchbayPlugin
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// wasmtime's library, which runs WebAssembly modules: loaded with the first of them, for good. A router without it runs, too.
///
/// Thread: any.
package enum WasmLibrary {
    package static let fileName = "libwasmtime.so"
    /// The variable that names the file.
    package static let variable = "WASMTIME_LIBRARY"

    private static let isLoaded = Mutex(false)

    /// Where it is looked for, in order: beside the router's own program, and where packages put libraries of a program.
    static let usualPlaces: [String] = {
        let program = OwnProgram.folder
        let above = program.dropLast().prefix(through: program.dropLast().lastIndex(of: "/") ?? program.startIndex)
        return [program + fileName, above + "lib/patchbay/" + fileName]
    }()

    /// Loads it, unless that is done already.
    static func load() throws(PluginFailure) {
        let problem = isLoaded.withLock { isLoaded -> PluginFailure? in
            if isLoaded { return nil }
            do throws(PluginFailure) {
                try load(try path(named: getenv(variable).map { String(cString: $0) }))
                isLoaded = true
                return nil
            } catch {
                return error
            }
        }
        if let problem { throw problem }
    }

    /// - Parameter name: what the variable says.
    static func path(named name: String?, places: [String] = usualPlaces) throws(PluginFailure) -> String {
        if let name, !name.isEmpty {
            guard access(name, R_OK) == 0 else { throw missing("\(variable) names \(name), which isn't there or can't be read") }
            // The dynamic linker looks for a mere name in folders of its own.
            return name.contains("/") ? name : "./" + name
        }
        guard let found = places.first(where: { access($0, R_OK) == 0 }) else {
            throw missing("there is no \(places.joined(separator: " and no "))")
        }
        return found
    }

    private static func missing(_ why: String) -> PluginFailure {
        PluginFailure(
            "needs wasmtime, which isn't installed: \(why)",
            hint: "`make build` puts \(fileName) beside the program; install both, or name it in \(variable)")
    }

    /// Its functions and layouts are those of one version, and nothing in it says which it is.
    static func check(_ path: String) throws(PluginFailure) {
        guard try fingerprint(of: path) == known else {
            throw PluginFailure(
                "needs wasmtime \(version), and \(path) is another one", hint: "`make setup` fetches the right one: docs/plugins.md")
        }
    }

    private static func load(_ path: String) throws(PluginFailure) {
        try check(path)
        var problem = plugin_wasm_load(path)
        guard problem.kind == PLUGIN_WASM_FINE else {
            throw PluginFailure("needs wasmtime, and \(path) can't be used: \(PluginText.of(&problem))", hint: nil)
        }
    }

    package static let version = "50.0.1"

    /// Of the library that Sources/CPatchbayPlugin/fetch.sh puts there.
    #if arch(arm64)
        static let known: UInt64 = 0xF89C_F191_56F9_C65F
    #else
        static let known: UInt64 = 0x1718_8810_495A_B7D6
    #endif

    static func fingerprint(of path: String) throws(PluginFailure) -> UInt64 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw missing("\(path) can't be read") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0,
            let mapped = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED
        else { throw missing("\(path) can't be read") }
        defer { munmap(mapped, Int(status.st_size)) }
        return Fingerprint.of(UnsafeRawBufferPointer(start: mapped, count: Int(status.st_size)))
    }
}
