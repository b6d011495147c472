import PatchbayAPI

/// Reads the files that a configuration includes, each once, and what those include. Bounded in files, levels, bytes and
/// values.
///
/// Thread: the one that loads; one instance per load.
final class IncludeReader {
    /// Files that all includes of a load bring in.
    static let fileCount = 1000
    /// Files that include each other in a row.
    static let depth = 16

    private let files: LoadedFiles
    private let limits: YAMLLimits
    private let findings: Findings
    private let main: String
    private var decoder: FieldDecoder
    private var remainingBytes: Int
    private var remainingValues: Int
    /// Entries of `routes` in all files read so far.
    private(set) var routeCount: Int
    /// Where each file came in, by identity.
    private var places: [ByteString: SourcePosition] = [:]
    private let mainIdentity: ByteString
    private var result: [DecodedObject] = []

    /// A file on the way from the main one to the one that is being read.
    private struct Link {
        let path: String
        let identity: ByteString
        /// What messages and positions call it: its path, unless a secret is in that.
        let name: String
        let isSecret: Bool
    }

    /// Included files whose paths are secret, which are told apart by a number.
    private var secretPaths = 0

    /// - Parameters:
    ///   - path: of the main file.
    ///   - routes: how many routes it has.
    init(
        main path: String, routes: Int, decoder: FieldDecoder, files: LoadedFiles, limits: YAMLLimits, findings: Findings
    ) {
        main = path
        mainIdentity = files.identity(path)
        routeCount = routes
        self.decoder = decoder
        self.files = files
        self.limits = limits
        self.findings = findings
        remainingBytes = limits.includedBytes
        remainingValues = limits.includedValues
        for field in ConfigFields.root where !ConfigFields.included.contains(where: { $0.name == field.name }) {
            self.decoder.misplaced[field.name] =
                "an included file holds `routes` and `channels`; move `\(field.name)` to \(DisplayText.quoted(path))"
        }
    }

    /// The top level of every included file, in order: each is followed by those that it includes.
    func read(_ root: DecodedObject) -> [DecodedObject] {
        read(root, chain: [Link(path: main, identity: mainIdentity, name: main, isSecret: false)])
        return result
    }

    /// Recursion is bounded by `depth`.
    private func read(_ object: DecodedObject, chain: [Link]) {
        for item in object["include"]?.items ?? [] {
            guard let path = item.string, let place = item.source.position else { continue }
            let shown = item.isSecret ? "the path from `${…}`" : DisplayText.quoted(path)
            guard !path.contains("**") else {
                findings.add("`**` is not supported in a path", at: place, hint: "list the directories: `[a/*.yaml, b/*.yaml]`")
                continue
            }
            let joined = Self.joined(path, to: chain.last?.path ?? main)
            // A relative path begins with that of its file.
            let isSecret = item.isSecret || chain.last?.isSecret == true && !path.hasPrefix("/")
            guard let pattern = PathPattern(joined) else {
                include(joined, isSecret: isSecret, shown: shown, at: place, chain)
                continue
            }
            do {
                let matches = try pattern.matches(files)
                if matches.isEmpty {
                    findings.add(
                        "no file matches \(shown)", at: place, hint: "paths are relative to the file that includes",
                        severity: .warning)
                }
                // What a pattern finds is included unless it is already, the including file above all.
                for match in matches where isNew(match) {
                    guard include(match, isSecret: isSecret, shown: isSecret ? shown : DisplayText.quoted(match), at: place, chain) else {
                        break
                    }
                }
            } catch {
                findings.add(
                    "\(shown) goes through more than \(PathPattern.nameLimit) names", at: place,
                    hint: "put the files into a directory of their own")
            }
        }
    }

    private func isNew(_ path: String) -> Bool {
        let identity = files.identity(path)
        return identity != mainIdentity && places[identity] == nil
    }

    /// `false` when no further file can be included.
    @discardableResult
    private func include(_ path: String, isSecret: Bool, shown: String, at place: SourcePosition, _ chain: [Link]) -> Bool {
        let identity = files.identity(path)
        if let start = chain.firstIndex(where: { $0.identity == identity }) {
            let way = chain[start...].map(\.name) + [isSecret ? chain[start].name : path]
            findings.add(
                "\(shown) includes itself: \(way.map { DisplayText.plain($0) }.joined(separator: " → "))", at: place,
                hint: "remove one of these includes")
            return true
        }
        if let first = places[identity] {
            findings.add(
                "\(shown) is included twice: first at \(DisplayText.plain(first.file)):\(first.line)", at: place,
                hint: "remove one of them")
            return true
        }
        guard places.count < Self.fileCount else {
            findings.add("more than \(Self.fileCount) files are included", at: place, hint: "put several routes into one file")
            return false
        }
        guard chain.count <= Self.depth else {
            findings.add(
                "files include each other more than \(Self.depth) levels deep", at: place,
                hint: "include them all from \(DisplayText.quoted(main))")
            return true
        }
        places[identity] = place
        if isSecret { secretPaths += 1 }
        let name = isSecret ? "${…} (include \(secretPaths))" : path
        files.note(text: path, name: name)
        guard let object = decode(path, name: name, shown: shown, at: place) else { return true }
        result.append(object)
        read(object, chain: chain + [Link(path: path, identity: identity, name: name, isSecret: isSecret)])
        return true
    }

    private func decode(_ path: String, name: String, shown: String, at place: SourcePosition) -> DecodedObject? {
        let bytes: [UInt8]
        do {
            bytes = try files.read(path, limit: limits.bytes)
        } catch {
            findings.add("can't read \(shown): \(error.reason)", at: place, hint: Self.hint(error))
            return nil
        }
        remainingBytes -= bytes.count
        guard remainingBytes >= 0 else {
            findings.add(
                "all included files together are larger than \(Quantity.size(Int64(limits.includedBytes)))", at: place,
                hint: "a configuration is text written by people; check that these are the right files")
            return nil
        }
        let source = SourceText(file: name, bytes: bytes)
        guard let root = YAMLComposer.compose(source, limits: limits, isIncluded: true, findings: findings), !root.isInvalid
        else { return nil }
        remainingValues -= root.expandedNodes
        guard remainingValues >= 0 else {
            findings.add(
                "all included files together hold more than \(limits.includedValues) values", at: place,
                hint: "a configuration is text written by people; check that these are the right files")
            return nil
        }
        guard root.isMapping(findings) else { return nil }
        decoder.firstIndexes = ["routes": routeCount]
        let object = decoder.object(root, fields: ConfigFields.included, subject: nil)
        routeCount += root.routeCount
        return object
    }

    private static func hint(_ failure: FileFailure) -> String? {
        switch failure {
        case .notFound: "paths are relative to the file that includes"
        case .isDirectory: "include the files in it, such as `conf.d/*.yaml`"
        case .notPermitted: "check the file's owner and mode"
        case .notRegular, .tooLarge, .outside, .secret, .strangePlugin, .other: nil
        }
    }

    /// A path in a file, from the directory of that file.
    static func joined(_ path: String, to file: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}

extension YAMLNode {
    /// Whether a file's root is what it must be; if not, that is reported.
    func isMapping(_ findings: Findings) -> Bool {
        if entries != nil { return true }
        let found = items == nil ? "text" : "a list"
        findings.add(
            "the file must be a mapping (`key: value`), found \(found)", at: position, hint: "start with `version: 1`")
        return false
    }

    /// Items that `routes` of a file's root takes in the numbering of all routes.
    var routeCount: Int {
        guard let routes = entries?.first(where: { $0.key.scalar?.text == "routes" })?.value else { return 0 }
        return routes.items?.count ?? (routes.entries == nil ? 0 : 1)
    }
}
