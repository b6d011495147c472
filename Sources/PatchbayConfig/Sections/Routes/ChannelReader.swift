import PatchbayAPI

/// `channel` and `channels` of routes against the settings under `channels`.
struct ChannelReader {
    private let findings: Findings
    private let inheritedBuffer: DecodedValue?
    /// In the order of the files.
    private var listed: [DecodedEntry] = []
    private var settings: [ByteString: DecodedObject] = [:]
    private var mentioned = MentionedChannels()
    /// Of enabled routes, with their places; those that a message may name.
    private var templates: [(template: ChannelTemplate, position: SourcePosition?)] = []

    /// - Parameter files: the top level of every file.
    init(_ files: [DecodedObject], defaults: DecodedObject?, findings: Findings) {
        self.findings = findings
        inheritedBuffer = defaults?["buffer"]
        var places: [ByteString: SourcePosition] = [:]
        for entry in files.flatMap({ $0["channels"]?.entries ?? [] }) {
            if let first = places[ByteString(entry.name)] {
                findings.add(
                    "channel \(DisplayText.quoted(entry.name)) is set twice: first at \(DisplayText.plain(first.file)):\(first.line)",
                    at: entry.position, hint: "remove one of them")
                continue
            }
            places[ByteString(entry.name)] = entry.position
            settings[ByteString(entry.name)] = entry.value.object
            listed.append(entry)
        }
    }

    /// The channels of a route; `nil` when one is wrong, and then it was reported.
    mutating func read(_ route: DecodedObject, isEnabled: Bool) -> [ChannelTemplate]? {
        if !route.failed.isDisjoint(with: ["channel", "channels"]) { mentioned.isComplete = false }
        guard let values = findings.either("channel", "channels", of: route) else {
            mentioned.isComplete = false
            return nil
        }
        var channels: [ChannelTemplate] = []
        var seen: Set<ByteString> = []
        for value in values {
            guard let name = value.string else { continue }
            let template = findings.checked(value, NameRules.channel).flatMap { try? ChannelTemplate($0) }
            mentioned.add(name, template, isEnabled: isEnabled, isSecret: value.isSecret)
            guard seen.insert(ByteString(name)).inserted else {
                findings.add(
                    "channel \(value.shown) is named twice in this route", at: value.source.position,
                    hint: "remove one of them")
                continue
            }
            if let template {
                channels.append(template)
                if isEnabled, !template.isPlain, !value.isSecret { templates.append((template, value.source.position)) }
            }
        }
        guard channels.count == values.count else { return nil }
        return channels
    }

    /// The buffer of the channels that a route's templates make; `nil` when they don't agree on one.
    func templateBuffer(_ channels: [ChannelTemplate], of route: DecodedObject) -> Int? {
        let templates = channels.filter { !$0.isPlain }
        guard let first = templates.first else { return buffer(of: "") }
        let common = buffer(of: first.text)
        guard let other = templates.first(where: { buffer(of: $0.text) != common }) else { return common }
        func has(_ template: ChannelTemplate) -> String {
            let buffer = hasSecretBuffer(template.text) ? "another" : "\(buffer(of: template.text))"
            return "\(DisplayText.quoted(template.text)) has \(buffer)"
        }
        let names = route.hides("channel", "channels") ? "" : ": \(has(first)), \(has(other))"
        findings.add(
            "the templates of one route share one `buffer`\(names)", at: route.position,
            hint: "give both the same `buffer` under `channels`, or split it into two routes")
        return nil
    }

    /// Every plain channel of an enabled route.
    func channels() -> [ChannelSettings] {
        mentioned.enabledNames.map { name in
            ChannelSettings(
                name: name, buffer: buffer(of: name), description: settings[ByteString(name)]?["description"]?.string,
                secrets: hasSecretBuffer(name) ? ["buffer"] : [])
        }
    }

    /// What is listed and not used, once every route has been read.
    func reportUnused() {
        for entry in listed {
            guard hasRightName(entry) else { continue }
            // Without all routes, every listed channel would seem unused.
            guard mentioned.isComplete else { continue }
            report(entry)
        }
    }

    /// Comparisons of a template with a plain name.
    private static let mostComparisons = 1_000_000

    /// Plain channels that a template makes as well: messages of both would be mixed in them.
    func reportOverlaps() {
        guard mentioned.isComplete else { return }
        var left = Self.mostComparisons
        var seen: Set<ByteString> = []
        // Secret ones are not even counted: a template would tell how they begin.
        let showable = Set(mentioned.showable.map { ByteString($0) })
        let names = mentioned.enabledNames.filter { showable.contains(ByteString($0)) }
        for (template, position) in templates where seen.insert(ByteString(template.text)).inserted {
            left -= names.count
            guard left > 0 else { return }
            let made = names.filter { template.matches($0) }
            guard let first = made.first else { continue }
            let others = made.count > 1 ? " and \(made.count - 1) more" : ""
            findings.add(
                "the template \(DisplayText.quoted(template.text)) can also make the channel \(DisplayText.quoted(first))\(others), which a "
                    + "route names, so that messages of both would be mixed there",
                at: position, hint: "give the template a prefix of its own, such as `by-key.\(DisplayText.plain(template.text))`",
                severity: .warning)
        }
    }

    /// Whether the buffer of a channel or template must not be shown.
    func hasSecretBuffer(_ name: String) -> Bool { setting(of: name)?.isSecret == true }

    private func setting(of name: String) -> DecodedValue? { settings[ByteString(name)]?["buffer"] ?? inheritedBuffer }

    private func buffer(of name: String) -> Int { Int(setting(of: name)?.integer ?? 0) }

    private func hasRightName(_ entry: DecodedEntry) -> Bool {
        guard let objection = NameRules.channel(entry.name) else { return true }
        findings.add("channel name \(DisplayText.quoted(entry.name)) \(objection.problem)", at: entry.position, hint: objection.hint)
        return false
    }

    private func report(_ entry: DecodedEntry) {
        let name = entry.name
        switch mentioned.use(of: name) {
        case .enabled: return
        case .disabled:
            findings.add(
                "only disabled routes use channel \(DisplayText.quoted(name))", at: entry.position,
                hint: "clients can't subscribe to it until one of them is enabled", severity: .warning)
        case .never:
            guard !findings.isFull else { return findings.add("unused channel", at: entry.position) }
            let hint =
                if let near = findings.nearest(to: name, among: mentioned.showable) {
                    "did you mean \(DisplayText.quoted(near))?"
                } else if let template = mentioned.templates.prefix(1000).first(where: { $0.matches(name) }) {
                    "\(DisplayText.quoted(template.text)) makes it; list the template to set up all channels it makes"
                } else {
                    "remove it, or name it in a route's `channel`"
                }
            findings.add("no route uses channel \(DisplayText.quoted(name))", at: entry.position, hint: hint)
        }
    }
}

/// Channels and templates that routes name, in the order of first mention.
struct MentionedChannels {
    enum Use { case enabled, disabled, never }

    /// Plain ones of enabled routes.
    private(set) var enabledNames: [String] = []
    /// Those that a message may suggest.
    private(set) var showable: [String] = []
    /// Those that a message may name.
    private(set) var templates: [ChannelTemplate] = []
    private var uses: [ByteString: Use] = [:]
    /// Whether every route's channels could be read.
    var isComplete = true

    mutating func add(_ name: String, _ template: ChannelTemplate?, isEnabled: Bool, isSecret: Bool) {
        let before = use(of: name)
        if before == .never && !isSecret {
            showable.append(name)
            if let template, !template.isPlain { templates.append(template) }
        }
        guard before != .enabled else { return }
        uses[ByteString(name)] = isEnabled ? .enabled : .disabled
        if isEnabled, template?.isPlain == true { enabledNames.append(name) }
    }

    func use(of name: String) -> Use { uses[ByteString(name)] ?? .never }
}
