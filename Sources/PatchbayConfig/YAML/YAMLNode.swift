import PatchbayAPI

/// One value of a YAML file with its place. Immutable; an alias shares the node it refers to, so a node may have several
/// parents but never itself below it.
package final class YAMLNode: Sendable {
    package enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping([Entry])
        /// Already reported, such as an alias to nothing; decoding passes over it in silence.
        case invalid
    }

    /// One `key: value` of a mapping, in the order of the file.
    package struct Entry: Sendable {
        package let key: YAMLNode
        package let value: YAMLNode
    }

    package let content: Content
    package let position: SourcePosition
    /// Last line the value touches.
    package let endLine: Int
    /// This node and all below it, aliases counted each time.
    let expandedNodes: Int
    /// Bytes of text in this node and all below it, aliases counted each time.
    let expandedBytes: Int
    /// Levels of mappings and lists from here down; 0 for a scalar.
    let height: Int

    init(
        _ content: Content, position: SourcePosition, endLine: Int, expandedNodes: Int = 1, expandedBytes: Int = 0,
        height: Int = 0
    ) {
        self.content = content
        self.position = position
        self.endLine = endLine
        self.expandedNodes = expandedNodes
        self.expandedBytes = expandedBytes
        self.height = height
    }

    package var scalar: YAMLScalar? { if case .scalar(let scalar) = content { scalar } else { nil } }

    package var entries: [Entry]? { if case .mapping(let entries) = content { entries } else { nil } }

    package var items: [YAMLNode]? { if case .sequence(let items) = content { items } else { nil } }

    package var isInvalid: Bool { if case .invalid = content { true } else { false } }

    /// Whether nothing is written here: `key:`, `~` or `null`.
    package var isNull: Bool { scalar?.type == .null }

    /// Whether a `${file:…}` may be in it. One that is written as text (`$${file:…`) counts too: better hidden once too
    /// often.
    var namesFile: Bool { contains("${file:") }

    /// The same for any `${…}`.
    var namesAnything: Bool { contains("${") }

    private func contains(_ marker: String) -> Bool {
        switch content {
        case .scalar(let scalar): scalar.contains(marker)
        case .sequence(let items): items.contains { $0.contains(marker) }
        case .mapping(let entries): entries.contains { $0.value.contains(marker) }
        case .invalid: false
        }
    }
}

/// The text of a scalar and how it was written.
package struct YAMLScalar: Sendable, Equatable {
    package enum Style: Sendable, Equatable { case plain, quoted, block }

    package let text: String
    package let style: Style

    /// What the scalar is by itself: only plain ones can be other than text.
    package var type: ScalarType { style == .plain ? ScalarType(plain: text) : .text }

    /// - Parameter marker: begins with `$`.
    fileprivate func contains(_ marker: String) -> Bool {
        let bytes = text.utf8
        guard bytes.contains(UInt8(ascii: "$")) else { return false }
        return bytes.indices.contains { bytes[$0...].starts(with: marker.utf8) }
    }
}

/// What a configuration file may cost, and the files that it includes. Far above any sensible file, far below what
/// hurts: at the limits of a file a load takes tens of megabytes and well under a second.
package struct YAMLLimits: Sendable {
    /// Bytes of the file.
    package var bytes = 8 * 1024 * 1024
    /// Values in the file.
    package var nodes = 250_000
    /// Values when every alias is replaced by what it stands for; this is what decoding walks.
    package var expandedNodes = 250_000
    /// Bytes of text when every alias is replaced by what it stands for.
    package var expandedBytes = 32 * 1024 * 1024
    /// Bytes of a key; libyaml holds plain ones to 1024 characters already.
    package var keyBytes = 1024
    /// Mappings and lists inside each other, aliases followed.
    package var depth = 64

    /// Bytes of all included files together.
    package var includedBytes = 16 * 1024 * 1024
    /// Values of all included files together, aliases counted each time.
    package var includedValues = 500_000

    package init() {}
}
