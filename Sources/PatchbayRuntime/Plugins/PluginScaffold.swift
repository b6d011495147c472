import PatchbayAPI
import PatchbayPlugins

/// `plugin new`: the files of a plugin that builds, with a test, to begin from.
package enum PluginScaffold {
    package enum Language: String, CaseIterable, Sendable {
        case c, swift, rust
        case cWasm = "c-wasm"
        case swiftWasm = "swift-wasm"

        /// Whether it becomes a WebAssembly module rather than a shared library.
        var isWebAssembly: Bool { self == .cWasm || self == .swiftWasm }
    }

    package struct File: Sendable, Equatable {
        package let name: String
        package let text: String
    }

    /// What is wrong with a plugin's name; `nil` when nothing is.
    ///
    /// - Parameter builtin: the transformers that ship.
    package static func problem(withName name: String, besides builtin: TransformerSet) -> String? {
        guard DescribedName.isRight(name) else {
            return "the name must be lower-case words joined by `_`, since routes name the transformer by it: add_size, for example"
        }
        guard builtin[name] == nil else {
            return "Patchbay has a transformer `\(name)` itself, and a route must know which one it names: my_\(name), for example"
        }
        return nil
    }

    /// All files, the source first.
    package static func files(_ name: String, in language: Language) -> [File] {
        let (ending, text, build) =
            switch language {
            case .c: ("c", PluginTemplates.c.replacing("LIBRARY", with: PluginTemplates.libraryC), PluginTemplates.makeC)
            case .cWasm: ("c", PluginTemplates.c.replacing("LIBRARY", with: PluginTemplates.libraryCWasm), PluginTemplates.makeCWasm)
            case .swift: ("swift", PluginTemplates.swift, PluginTemplates.makeSwift)
            case .swiftWasm: ("swift", PluginTemplates.swift, PluginTemplates.makeSwiftWasm)
            case .rust: ("rs", PluginTemplates.rust, PluginTemplates.makeRust)
            }
        func file(_ fileName: String, _ text: String) -> File {
            let right = language.isWebAssembly ? text.replacing("NAME.so", with: "NAME.wasm") : text
            return File(name: fileName, text: right.replacing("NAME", with: name))
        }
        var files = [file("\(name).\(ending)", text)]
        if language != .rust { files.append(File(name: "patchbay_plugin.h", text: PluginHeader.text)) }
        if language.isWebAssembly {
            files.append(File(name: "patchbay_wasm.h", text: PluginHeader.support))
            files.append(File(name: "patchbay_wasm.c", text: PluginHeader.supportSource))
        }
        files.append(file("Makefile", build + PluginTemplates.makeTest))
        files.append(file("routes.yaml", PluginTemplates.routes))
        return files
    }
}
