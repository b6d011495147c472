import Foundation
import PatchbayAPI
import TestSupport
import Testing
import TransformerTestSupport

@testable import PatchbayPlugins

/// Plugins that are compiled for tests.
enum PluginFixture {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let header = root.appendingPathComponent("Sources/CPatchbayPlugin/include")

    private actor Compiler {
        private var libraries: [[String]: Task<[UInt8], any Error>] = [:]

        func library(_ file: String, _ flags: [String]) async throws -> [UInt8] {
            let task = libraries[[file] + flags] ?? Task { try await Self.compile(file, flags) }
            libraries[[file] + flags] = task
            return try await task.value
        }

        private static func compile(_ file: String, _ flags: [String]) async throws -> [UInt8] {
            let path = FileManager.default.temporaryDirectory.appendingPathComponent("plugin-\(UUID().uuidString).so")
            defer { try? FileManager.default.removeItem(at: path) }
            let source = root.appendingPathComponent("Tests/PatchbayPluginsTests/Plugins/\(file)").path
            let target = flags.contains(WebAssembly.target) ? WebAssembly.flags : ["-shared", "-fPIC"]
            let result = try await ExternalProgram.run(
                ["clang", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", header.path, "-o", path.path] + target + flags + [source])
            try #require(result.status == 0, "\(result.said)")
            return Array(try Data(contentsOf: path))
        }
    }

    private static let compiler = Compiler()

    /// The file of a plugin that does what its records say, compiled once for the same flags.
    static func liar(_ flags: String...) async throws -> [UInt8] { try await compiler.library("liar.c", flags) }

    /// The file of another one.
    static func library(_ file: String, _ flags: [String] = []) async throws -> [UInt8] { try await compiler.library(file, flags) }

    /// The file of one that is a WebAssembly module.
    static func module(_ file: String, _ flags: [String] = []) async throws -> [UInt8] {
        try await compiler.library(file, [WebAssembly.target] + flags)
    }

    /// What is in this process's memory, a line each.
    static func mappings() -> [Substring] {
        // Foundation believes the size of a file, which is 0 for this one.
        guard let file = fopen("/proc/self/maps", "re") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&part, 1, part.count, file)
            if count == 0 { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    /// Its transformer.
    static func definition(_ flags: String...) async throws -> TransformerDefinition {
        let plugin = try PluginLoader.load(try await compiler.library("liar.c", flags), name: "liar.so")
        return try #require(plugin.definitions.first)
    }
}

/// How C becomes WebAssembly, and what runs it here.
enum WebAssembly {
    static let target = "--target=wasm32"
    private static let support = PluginFixture.root.appendingPathComponent("Sources/CPatchbayPlugin/wasm").path
    static let flags = [
        "-O2", "-mbulk-memory", "-nostdlib", "-Wl,--no-entry", "-I", support, "\(support)/patchbay_wasm.c",
    ]

    /// What `make setup` fetches; tests use it where it is.
    static let library = PluginFixture.root.appendingPathComponent("Sources/CPatchbayPlugin/vendor/libwasmtime.so").path

    static let isThere: Bool = {
        guard FileManager.default.fileExists(atPath: library) else { return false }
        setenv(WasmLibrary.variable, library, 1)
        return true
    }()
}

/// A folder that is gone when the test is over.
final class PluginFolder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("plugins-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var routes: String { path("routes.yaml") }
    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
    func write(_ bytes: [UInt8], to name: String) throws { try Data(bytes).write(to: url.appendingPathComponent(name)) }
    func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }
}
