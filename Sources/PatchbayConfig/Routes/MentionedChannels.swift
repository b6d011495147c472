import PatchbayAPI

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
