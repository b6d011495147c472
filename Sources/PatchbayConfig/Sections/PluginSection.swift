import PatchbayAPI

/// One entry of `plugins`.
public struct PluginSettings: Sendable, Equatable {
    /// As the file says it.
    public let path: String
    /// What its file holds; another one after a change.
    public let revision: String
    /// Whether its path must not be shown.
    package let isSecret: Bool

    package init(path: String, revision: String, isSecret: Bool = false) {
        self.path = path
        self.revision = revision
        self.isSecret = isSecret
    }

    var shownPath: String { isSecret ? SecretMask.text : path }

    public static func == (left: PluginSettings, right: PluginSettings) -> Bool {
        left.path.hasSameBytes(as: right.path) && left.revision == right.revision
    }
}

extension PluginSettings {
    /// `plugins`.
    static let field = Field(
        "plugins", .list(.object(fields)),
        documentation: """
            Transformers that don't ship with Patchbay: shared libraries, which run in the router's process and are trusted like the \
            router itself. A reload takes up a file that has changed. docs/plugins.md says how to write one.
            """,
        example: "plugins: [{ path: plugins/mask.so }]")

    private static let fields = [
        Field(
            "path", .string(), required: true,
            documentation: "The plugin's file, relative to this file.",
            example: "path: plugins/mask.so")
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
            guard let plugin = load(path, value, at: place) else {
                result.isComplete = false
                continue
            }
            result.settings.append(PluginSettings(path: path, revision: plugin.revision, isSecret: value.isSecret))
            add(plugin, of: path, value, at: place, to: &result)
        }
        return result
    }

    private func load(_ path: String, _ value: DecodedValue, at place: SourcePosition) -> ConfigurationChecks.Plugin? {
        let content: [UInt8]
        do throws(FileFailure) {
            content = try files.readPlugin(IncludeReader.joined(path, to: main), limit: checks.largestPlugin)
        } catch {
            findings.add("can't read plugin \(value.shown): \(error.reason)", at: place, hint: Self.hint(error))
            return nil
        }
        switch checks.plugin(content, value.isSecret ? "a plugin" : path) {
        case .success(let plugin): return plugin
        case .failure(let failure):
            findings.add("plugin \(value.shown) \(failure.problem)", at: place, hint: failure.hint)
            return nil
        }
    }

    private func add(
        _ plugin: ConfigurationChecks.Plugin, of path: String, _ value: DecodedValue, at place: SourcePosition, to result: inout Result
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
            let origin = value.isSecret ? SecretMask.text : path
            result.transformers = try result.transformers.adding(TransformerSet(own, from: origin, revision: plugin.revision))
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
