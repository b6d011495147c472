import Glibc
import PatchbayAPI
import PatchbayPlugins

/// `keep`, a plugin that does what `pick` does, built here: as a shared library or as a WebAssembly module.
enum KeepPlugin {
    /// - Returns: `nil` where there is no clang that can do that, or nothing to run it.
    static func definition(isModule: Bool) throws(BenchFailure) -> TransformerDefinition? {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let library = "\(root)/Sources/CPatchbayPlugin/vendor/\(WasmLibrary.fileName)"
        if isModule, getenv(WasmLibrary.variable) == nil {
            guard access(library, R_OK) == 0 else { return nil }
            setenv(WasmLibrary.variable, library, 1)
        }
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let file = "\(parent)/patchbay-keep-\(getpid())"
        defer { unlink(file) }
        let include = "\(root)/Sources/CPatchbayPlugin/include"
        let support = "\(root)/Sources/CPatchbayPlugin/wasm"
        let target =
            isModule
            ? [
                "--target=wasm32", "-msimd128", "-mbulk-memory", "-nostdlib", "-Wl,--no-entry", "-I", support, "\(support)/patchbay_wasm.c",
            ] : ["-shared", "-fPIC", "-fvisibility=hidden"]
        let command = ["env", "clang", "-std=c11", "-O2", "-I", include, "-o", file] + target + ["\(root)/Benchmarks/Plugins/keep.c"]
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let compiler = try ChildProcess(["/usr/bin/env"] + command.dropFirst(), environment: ["PATH=\(path)"], logPath: "/dev/null")
        guard compiler.exitCode(within: 60) == 0 else { return nil }
        do throws(PluginFailure) {
            return try PluginLoader.load(bytes(file), name: isModule ? "keep.wasm" : "keep.so").definitions.first
        } catch {
            throw BenchFailure("keep \(error.problem)")
        }
    }

    private static func bytes(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes.prefix(count))
    }
}
