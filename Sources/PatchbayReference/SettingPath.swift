import PatchbayAPI
import PatchbayConfig

/// The path of a setting taken apart.
///
/// A path such as `kafka.properties.security.protocol` says by its dots alone neither where a free name begins nor where it
/// ends; the declarations do.
struct SettingPath {
    enum Component: Hashable {
        case key(String)
        /// In a list, from 0.
        case index(Int)
    }

    let components: [Component]
    /// What stands there, as far as it is declared.
    let kind: FieldKind?

    /// - Parameters:
    ///   - text: as in `ResolvedSetting.path`.
    ///   - transformers: what options are declared; without them the dots in names below `transform` separate.
    init(_ text: String, transformers: TransformerSet) {
        let reader = PathReader(transformers: transformers)
        self = reader.fields(ConfigFields.root, "." + text, place: "") ?? SettingPath(undeclared: text[...])
    }

    init(_ components: [Component] = [], kind: FieldKind?) {
        self.components = components
        self.kind = kind
    }

    /// By its dots and brackets alone.
    init(undeclared text: Substring) {
        var components: [Component] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: true) {
            let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
            if let name = pieces.first, !name.isEmpty { components.append(.key(String(name))) }
            for piece in pieces.dropFirst() {
                let number = piece.hasSuffix("]") ? Int(piece.dropLast()) : nil
                components.append(number.map(Component.index) ?? .key(String(piece)))
            }
        }
        self.init(components, kind: nil)
    }

    fileprivate func below(_ component: Component) -> SettingPath { SettingPath([component] + components, kind: kind) }
}

/// Reads a path along the declarations; each function returns `nil` when the rest doesn't fit.
private struct PathReader {
    let transformers: TransformerSet

    /// `.name` of one of the fields, and what is below it.
    func fields(_ fields: [Field], _ rest: some StringProtocol, place: String) -> SettingPath? {
        guard rest.first == "." else { return nil }
        let rest = rest.dropFirst()
        for field in fields where rest.hasPrefix(field.name) {
            let below = String(rest.dropFirst(field.name.count))
            let place = place.isEmpty ? field.name : "\(place).\(field.name)"
            guard isEnd(below) else { continue }
            if let path = value(field.kind, below, place: place) { return path.below(.key(field.name)) }
        }
        return nil
    }

    private func value(_ kind: FieldKind, _ rest: String, place: String) -> SettingPath? {
        if place == KeyRules.transformPlace { return transform(rest) }
        switch kind {
        case .object(let fields): return self.fields(fields, rest, place: place)
        case .dictionary(let kind): return rest.isEmpty ? SettingPath(kind: .dictionary(kind)) : entry(kind, rest, place: place)
        case .list(let item, let minimumCount):
            if rest.isEmpty { return SettingPath(kind: .list(item, minimumCount: minimumCount)) }
            return indexed(rest) { value(item, $0, place: place + "[]") }
                // A lone item has the path of the list.
                ?? value(item, rest, place: place + "[]")
        default: return rest.isEmpty ? SettingPath(kind: kind) : nil
        }
    }

    /// `.NAME` and what is below it. Where names are followed by keys, the shortest name that leaves something declared is
    /// right; where not, the name is all that is left.
    private func entry(_ kind: FieldKind, _ rest: String, place: String) -> SettingPath? {
        guard rest.first == "." else { return nil }
        let name = rest.dropFirst()
        if case .object = kind {
            for end in name.indices where name[end] == "." && end > name.startIndex {
                if let path = value(kind, String(name[end...]), place: place + ".NAME") {
                    return path.below(.key(String(name[..<end])))
                }
            }
            return nil
        }
        return SettingPath([.key(String(name))], kind: kind)
    }

    /// Nothing, or one step or several: `[1].pick.fields`.
    private func transform(_ rest: String) -> SettingPath? {
        indexed(rest, step) ?? step(rest)
    }

    private func step(_ rest: String) -> SettingPath? {
        if rest.isEmpty { return SettingPath(kind: .any) }
        for definition in transformers.definitions where rest.hasPrefix("." + definition.name) {
            let options = String(rest.dropFirst(definition.name.count + 1))
            guard isEnd(options) else { continue }
            if options.isEmpty { return SettingPath([.key(definition.name)], kind: .any) }
            if let path = fields(definition.options, options, place: "transformer") { return path.below(.key(definition.name)) }
        }
        return SettingPath(undeclared: rest[...])
    }

    private func indexed(_ rest: String, _ below: (String) -> SettingPath?) -> SettingPath? {
        guard rest.first == "[", let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end].dropFirst()) else { return nil }
        return below(String(rest[end...].dropFirst()))?.below(.index(index))
    }

    private func isEnd(_ rest: String) -> Bool { rest.isEmpty || rest.first == "." || rest.first == "[" }
}
