import PatchbayPlugins

/// `plugin new`: the files of a plugin that builds, with a test, to begin from.
package enum PluginScaffold {
    package enum Language: String, CaseIterable, Sendable { case c, swift, rust }

    package struct File: Sendable, Equatable {
        package let name: String
        package let text: String
    }

    /// What is wrong with a plugin's name; `nil` when nothing is.
    package static func problem(withName name: String) -> String? {
        let isRight = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
        guard isRight, let first = name.utf8.first, first >= UInt8(ascii: "a"), name.utf8.count <= 64 else {
            return "the name must be lower-case words joined by `_`, since routes name the transformer by it: add_size, for example"
        }
        return nil
    }

    /// All files, the source first.
    package static func files(_ name: String, in language: Language) -> [File] {
        let source: (name: String, text: String)
        var files: [File] = []
        switch language {
        case .c: source = ("\(name).c", PluginTemplates.c)
        case .swift: source = ("\(name).swift", PluginTemplates.swift)
        case .rust: source = ("\(name).rs", PluginTemplates.rust)
        }
        files.append(File(name: source.name, text: filled(source.text, name)))
        if language != .rust { files.append(File(name: "patchbay_plugin.h", text: PluginHeader.text)) }
        let build =
            switch language {
            case .c: PluginTemplates.makeC
            case .swift: PluginTemplates.makeSwift
            case .rust: PluginTemplates.makeRust
            }
        files.append(File(name: "Makefile", text: filled(build + PluginTemplates.makeTest, name)))
        files.append(File(name: "routes.yaml", text: filled(PluginTemplates.routes, name)))
        return files
    }

    private static func filled(_ text: String, _ name: String) -> String { text.replacing("NAME", with: name) }
}
