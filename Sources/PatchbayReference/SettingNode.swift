import PatchbayAPI
import PatchbayConfig

/// Settings by their paths, in the order in which they came.
///
/// Thread: the one that builds it.
final class SettingNode {
    /// A line of YAML and, for a value, where it comes from.
    struct Line {
        var text: String
        let origin: String?
    }

    private var value: ConfigValue?
    private var origin: String?
    private var children: [(component: SettingPath.Component, node: SettingNode)] = []
    private var indices: [SettingPath.Component: Int] = [:]

    func insert(_ setting: ResolvedSetting, kind: FieldKind?, at path: ArraySlice<SettingPath.Component>) {
        guard let component = path.first else {
            value = setting.shownValue(kind)
            origin = setting.origin.words
            return
        }
        child(component).insert(setting, kind: kind, at: path.dropFirst())
    }

    private func child(_ component: SettingPath.Component) -> SettingNode {
        if let index = indices[component] { return children[index].node }
        let node = SettingNode()
        indices[component] = children.count
        children.append((component, node))
        return node
    }

    // MARK: As YAML

    /// What is below this node.
    func lines() -> [Line] {
        guard isList else { return children.flatMap { $0.node.entry($0.component) } }
        // Items about which there is nothing more to say are only in the list's own value.
        guard case .list(let items)? = value else { return children.flatMap { $0.node.item() } }
        return items.enumerated().flatMap { index, item in
            indices[.index(index)].map { children[$0].node.item() } ?? [Line(text: "- \(YAMLText.flow(item))", origin: origin)]
        }
    }

    private var isList: Bool { children.allSatisfy { if case .index = $0.component { true } else { false } } }

    /// `name: value`, or `name:` with what is below it.
    private func entry(_ component: SettingPath.Component) -> [Line] {
        let name =
            switch component {
            case .key(let name): YAMLText.scalar(name)
            case .index(let index): "\"\(index)\""
            }
        guard !children.isEmpty else { return [Line(text: "\(name): \(shown)", origin: origin)] }
        return [Line(text: "\(name):", origin: origin)] + lines().map { Line(text: "  " + $0.text, origin: $0.origin) }
    }

    /// `- value`, or what is below it behind `- `.
    private func item() -> [Line] {
        guard !children.isEmpty else { return [Line(text: "- \(shown)", origin: origin)] }
        return lines().enumerated().map { index, line in
            index == 0
                ? Line(text: "- " + line.text, origin: line.origin ?? origin) : Line(text: "  " + line.text, origin: line.origin)
        }
    }

    private var shown: String { value.map { YAMLText.flow($0) } ?? "null" }
}
