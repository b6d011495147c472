import PatchbayAPI

/// One entry of `plugins`.
public struct PluginSettings: Sendable, Equatable {
    /// As the file says it.
    public let path: String
    /// What its file holds; another one after a change.
    public let revision: String
    /// How it is kept from the router; `nil` when it is part of it.
    public let isolation: Isolation?
    /// Whether its path must not be shown.
    package let isSecret: Bool

    /// `isolate: process`, or a WebAssembly module.
    public struct Isolation: Sendable, Equatable {
        public enum Kind: Sendable, Equatable {
            case process
            case webAssembly
        }

        public let kind: Kind
        /// Milliseconds that a call may take.
        public let deadline: Int64
        /// Bytes of memory that the plugin may take; of a process, of address space.
        public let memory: Int64
        /// Whether a process only runs where the kernel lets it give up its rights.
        public let mustBeConfined: Bool

        package init(_ kind: Kind = .process, deadline: Int64, memory: Int64, mustBeConfined: Bool = true) {
            self.kind = kind
            self.deadline = deadline
            self.memory = memory
            self.mustBeConfined = mustBeConfined
        }
    }

    package init(path: String, revision: String, isolation: Isolation? = nil, isSecret: Bool = false) {
        self.path = path
        self.revision = revision
        self.isolation = isolation
        self.isSecret = isSecret
    }

    var shownPath: String { isSecret ? SecretMask.text : path }

    public static func == (left: PluginSettings, right: PluginSettings) -> Bool {
        left.path.hasSameBytes(as: right.path) && left.revision == right.revision && left.isolation == right.isolation
    }

    /// Where it runs, in words.
    var shownIsolation: String {
        guard let isolation else { return "none" }
        let time = ReadableTime.exactly(milliseconds: isolation.deadline)
        let kind = isolation.kind == .process ? "process" : "WebAssembly"
        return "\(kind), deadline \(time), memory \(isolation.memory) bytes"
            + (isolation.mustBeConfined ? "" : ", sandbox optional")
    }
}

extension PluginSettings {
    /// `plugins`.
    static let field = Field(
        "plugins", .list(.object(fields)),
        documentation: """
            Transformers that don't ship with Patchbay: shared libraries, which run in the router's process and are trusted like the \
            router itself, unless they are isolated; and WebAssembly modules, which always are. A reload takes up a file that has \
            changed. docs/plugins.md says how to write one.
            """,
        example: "plugins: [{ path: plugins/mask.so }]")

    private static let fields = [
        Field(
            "path", .string(), required: true,
            documentation: "The plugin's file, relative to this file: a shared library, or a WebAssembly module.",
            example: "path: plugins/mask.so"),
        Field(
            "isolate", .choice(["none", "process"]), default: .string("none"),
            documentation: """
                `process` runs each instance of a shared library in a process of its own: a crash or an endless loop costs the record \
                that causes it, and nothing else. Each batch costs some microseconds more.
                """,
            example: "isolate: process"),
        Field(
            "deadline", .duration(milliseconds: 10...60_000),
            documentation: """
                With `isolate: process`, and for WebAssembly: how long the plugin may take for a batch, `1s` unless it is given; to \
                start, it has ten times that, up to three seconds or the deadline. A plugin that takes longer is ended, and started \
                again. The topics of the same consumer thread wait meanwhile: keep it well below `server.liveness_threshold`.
                """,
            example: "deadline: 500ms"),
        Field(
            "memory", .size(bytes: 1_048_576...1_099_511_627_776),
            documentation: """
                With `isolate: process`: the address space that the plugin may take, with the libraries it needs, `256MiB` unless it is \
                given. Plugins in languages that reserve much and use little need more. For WebAssembly: the memory of an instance, \
                `64MiB` unless it is given, and 4GiB at the most; a record may have a quarter of it.
                """,
            example: "memory: 64MiB"),
        Field(
            "sandbox", .choice(["required", "optional"]),
            documentation: """
                With `isolate: process`: once an instance is made, its process can open no files or sockets and start no programs. \
                `optional` runs it even where the kernel doesn't allow that (seccomp), with a warning; `required` unless it is given.
                """,
            example: "sandbox: optional"),
    ]
}

/// `plugins`: loads each, and adds its transformers to those that ship.
struct PluginReader {
    struct Result {
        var settings: [PluginSettings] = []
        var transformers: TransformerSet
        /// Whether every plugin could be loaded; if not, that was reported.
        var isComplete = true
    }

    let main: String
    let files: LoadedFiles
    let checks: ConfigurationChecks
    let findings: Findings

    func read(_ root: DecodedObject, addingTo transformers: TransformerSet) -> Result {
        var result = Result(transformers: transformers, isComplete: !root.failed.contains("plugins"))
        var places: [ByteString: SourcePosition] = [:]
        for item in root["plugins"]?.items ?? [] {
            guard let value = item.object?["path"], let path = value.string, let place = value.source.position else {
                result.isComplete = false
                continue
            }
            let identity = files.identity(IncludeReader.joined(path, to: main))
            if let first = places[identity] {
                findings.add("plugin \(value.shown) is listed twice: first on line \(first.line)", at: place, hint: "remove one of them")
                continue
            }
            places[identity] = place
            guard let content = content(path, value, at: place), let isolation = isolation(item, content, at: place),
                let plugin = load(content, path, value, isolation.settings, at: place)
            else {
                result.isComplete = false
                continue
            }
            let settings = PluginSettings(
                path: path, revision: plugin.revision, isolation: isolation.settings, isSecret: value.isSecret)
            result.settings.append(settings)
            add(plugin, settings, value, at: place, to: &result)
        }
        return result
    }

    /// `nil` after a finding.
    private func content(_ path: String, _ value: DecodedValue, at place: SourcePosition) -> [UInt8]? {
        do throws(FileFailure) {
            return try files.readPlugin(IncludeReader.joined(path, to: main), limit: checks.largestPlugin)
        } catch {
            findings.add("can't read plugin \(value.shown): \(error.reason)", at: place, hint: Self.hint(error))
            return nil
        }
    }

    /// What every WebAssembly module begins with.
    private static let moduleMark: [UInt8] = [0x00, 0x61, 0x73, 0x6D]
    private static let largestModuleMemory: Int64 = 4 << 30

    /// How a plugin with this content is kept from the router; `nil` after a finding.
    private func isolation(
        _ item: DecodedValue, _ content: [UInt8], at path: SourcePosition
    ) -> (settings: PluginSettings.Isolation?, Void)? {
        guard let object = item.object, object.failed.isEmpty else { return nil }
        /// Whether something is said that doesn't fit.
        func isGiven(_ names: [String], _ problem: String, hint: String) -> Bool {
            for name in names {
                guard let value = object[name], let place = value.source.position else { continue }
                findings.add("`\(name)` \(problem)", at: place, hint: hint)
                return true
            }
            return false
        }
        let deadline = object["deadline"]?.integer ?? 1000
        let memory = object["memory"]?.integer
        if content.starts(with: Self.moduleMark) {
            guard
                !isGiven(
                    ["isolate", "sandbox"], "is for shared libraries, and this is a WebAssembly module, which always has memory of its own",
                    hint: "remove it")
            else { return nil }
            if let memory, memory > Self.largestModuleMemory {
                findings.add(
                    "`memory` is more than a WebAssembly module can have", at: object["memory"]?.source.position ?? path,
                    hint: "give at most 4GiB")
                return nil
            }
            return (PluginSettings.Isolation(.webAssembly, deadline: deadline, memory: memory ?? 64 << 20), ())
        }
        guard object["isolate"]?.string == "process" else {
            let isLonely = isGiven(
                ["deadline", "memory", "sandbox"], "is for plugins in a process of their own", hint: "add `isolate: process`, or remove it")
            return isLonely ? nil : (nil, ())
        }
        return (
            PluginSettings.Isolation(
                .process, deadline: deadline, memory: memory ?? 256 << 20, mustBeConfined: object["sandbox"]?.string != "optional"), ()
        )
    }

    private func load(
        _ content: [UInt8], _ path: String, _ value: DecodedValue, _ isolation: PluginSettings.Isolation?, at place: SourcePosition
    ) -> ConfigurationChecks.Plugin? {
        switch checks.plugin(content, value.isSecret ? "a plugin" : path, isolation) {
        case .success(let plugin): return plugin
        case .failure(let failure):
            findings.add("plugin \(value.shown) \(failure.problem)", at: place, hint: failure.hint)
            return nil
        }
    }

    private func add(
        _ plugin: ConfigurationChecks.Plugin, _ settings: PluginSettings, _ value: DecodedValue, at place: SourcePosition,
        to result: inout Result
    ) {
        var own: [TransformerDefinition] = []
        for definition in plugin.definitions {
            guard let origin = result.transformers.origin(of: definition.name) else {
                own.append(definition)
                continue
            }
            let isPlugin = result.settings.contains { $0.path.hasSameBytes(as: origin) }
            let other = isPlugin ? "plugin \(DisplayText.quoted(origin)) has as well" : "Patchbay has itself"
            findings.add(
                "plugin \(value.shown) has a transformer \(DisplayText.quoted(definition.name)), which \(other)", at: place,
                hint: "a transformer needs a name of its own: change it in the plugin's description")
        }
        do throws(TransformerSet.Duplicate) {
            let origin = value.isSecret ? SecretMask.text : settings.path
            // Routes are built again when it runs in another way.
            let revision = settings.isolation == nil ? plugin.revision : "\(plugin.revision) (\(settings.shownIsolation))"
            result.transformers = try result.transformers.adding(TransformerSet(own, from: origin, revision: revision))
        } catch {
            findings.add("plugin \(value.shown): \(error.description)", at: place)
        }
    }

    private static func hint(_ failure: FileFailure) -> String? {
        switch failure {
        case .notFound: "paths are relative to the file that names them"
        case .isDirectory, .notRegular: "give the path of a shared library, such as `plugins/mask.so`, or of a WebAssembly module"
        case .notPermitted: "check the file's owner and mode"
        case .tooLarge, .outside, .secret, .strangePlugin, .other: nil
        }
    }
}
