import Foundation

/// AddressSanitizer's run-time library, which a plugin that is built with `-fsanitize=address` needs in its process from the start.
enum SanitizerRuntime {
    /// What to set for the process that runs such a plugin; nothing for any other.
    static func environment(for plugin: String, _ own: [String: String] = ProcessInfo.processInfo.environment) -> [String: String] {
        guard let content = try? Data(contentsOf: URL(fileURLWithPath: plugin), options: .mappedIfSafe), let library = library(of: content)
        else { return [:] }
        var environment: [String: String] = [:]
        // What Swift's own library keeps for the life of the process looks like a leak.
        environment["ASAN_OPTIONS"] = "detect_leaks=0" + (own["ASAN_OPTIONS"].map { ":\($0)" } ?? "")
        if own["LD_PRELOAD"] == nil { environment["LD_PRELOAD"] = path(of: library) }
        return environment
    }

    /// The compiler that built it, and what it calls its library; `nil` for a plugin that needs none.
    private static func library(of content: Data) -> (compiler: String, name: String)? {
        guard content.range(of: Data("__asan_init".utf8)) != nil else { return nil }
        // Of GCC, the library has its version behind its name.
        if content.range(of: Data("libasan.so".utf8)) != nil { return ("gcc", "libasan.so") }
        #if arch(arm64)
            return ("clang", "libclang_rt.asan-aarch64.so")
        #else
            return ("clang", "libclang_rt.asan-x86_64.so")
        #endif
    }

    /// Where the compiler has it; `nil` when it isn't there.
    private static func path(of library: (compiler: String, name: String)) -> String? {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [library.compiler, "-print-file-name=\(library.name)"]
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let path = String(decoding: said, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        // A compiler that hasn't got it gives its name back.
        return path.hasPrefix("/") && FileManager.default.isReadableFile(atPath: path) ? path : nil
    }
}
