import PatchbayAPI

/// One entry of `plugins`.
public struct PluginSettings: Sendable, Equatable {
    /// As the file says it.
    public let path: String
    /// What its file holds; another one after a change.
    public let revision: String
    /// How it runs in a process of its own; `nil` when it runs in the router's.
    public let isolation: Isolation?
    /// Whether its path must not be shown.
    package let isSecret: Bool

    /// `isolate: process`.
    public struct Isolation: Sendable, Equatable {
        /// Milliseconds that a call may take.
        public let deadline: Int64
        /// Bytes of address space that the plugin may take.
        public let memory: Int64
        /// Whether it only runs where the kernel lets the process give up its rights.
        public let mustBeConfined: Bool

        package init(deadline: Int64, memory: Int64, mustBeConfined: Bool) {
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
        return "process, deadline \(time), memory \(isolation.memory) bytes"
            + (isolation.mustBeConfined ? "" : ", sandbox optional")
    }
}

extension PluginSettings {
    /// `plugins`.
    static let field = Field(
        "plugins", .list(.object(fields)),
        documentation: """
            Transformers that don't ship with Patchbay: shared libraries, which run in the router's process and are trusted like the \
            router itself, unless they are isolated. A reload takes up a file that has changed. docs/plugins.md says how to write one.
            """,
        example: "plugins: [{ path: plugins/mask.so }]")

    private static let fields = [
        Field(
            "path", .string(), required: true,
            documentation: "The plugin's file, relative to this file.",
            example: "path: plugins/mask.so"),
        Field(
            "isolate", .choice(["none", "process"]), default: .string("none"),
            documentation: """
                `process` runs each instance in a process of its own: a crash or an endless loop costs the record that causes it, and \
                nothing else. Each batch costs some microseconds more.
                """,
            example: "isolate: process"),
        Field(
            "deadline", .duration(milliseconds: 10...60_000),
            documentation: """
                With `isolate: process`: how long the plugin may take for a batch, `1s` unless it is given; to start, it has ten times \
                that. A plugin that takes longer is ended, and started again. The topics of the same consumer thread wait meanwhile.
                """,
            example: "deadline: 500ms"),
        Field(
            "memory", .size(bytes: 1_048_576...1_099_511_627_776),
            documentation: """
                With `isolate: process`: the address space that the plugin may take, with the libraries it needs, `256MiB` unless it is \
                given. Plugins in languages that reserve much and use little need more.
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
            guard let isolation = isolation(item), let plugin = load(path, value, isolation.settings, at: place) else {
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
    private func isolation(_ item: DecodedValue) -> (settings: PluginSettings.Isolation?, Void)? {
        guard let object = item.object, object.failed.isEmpty else { return nil }
        guard object["isolate"]?.string == "process" else {
            for name in ["deadline", "memory", "sandbox"] {
                guard let value = object[name], let place = value.source.position else { continue }
                findings.add(
                    "`\(name)` is for plugins in a process of their own", at: place, hint: "add `isolate: process`, or remove it")
                return nil
            }
            return (nil, ())
        }
        return (
            PluginSettings.Isolation(
                deadline: object["deadline"]?.integer ?? 1000, memory: object["memory"]?.integer ?? 256 << 20,
                mustBeConfined: object["sandbox"]?.string != "optional"), ()
        )
    }

    private func load(
        _ path: String, _ value: DecodedValue, _ isolation: PluginSettings.Isolation?, at place: SourcePosition
    ) -> ConfigurationChecks.Plugin? {
        let content: [UInt8]
        do throws(FileFailure) {
            content = try files.readPlugin(IncludeReader.joined(path, to: main), limit: checks.largestPlugin)
        } catch {
            findings.add("can't read plugin \(value.shown): \(error.reason)", at: place, hint: Self.hint(error))
            return nil
        }
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
        case .isDirectory, .notRegular: "give the path of a shared library, such as `plugins/mask.so`"
        case .notPermitted: "check the file's owner and mode"
        case .tooLarge, .outside, .secret, .strangePlugin, .other: nil
        }
    }
}
