import PatchbayAPI

/// The names of all routes, each of which may occur once, enabled or not.
struct RouteNames {
    private var places: [ByteString: SourcePosition] = [:]

    /// The route's name, given or made of its topics; `nil` when it is wrong or taken, and then that was reported.
    mutating func claim(_ route: DecodedObject, topics: [TopicSelector]?, findings: Findings) -> String? {
        if let given = route["name"] {
            guard let name = findings.checked(given, NameRules.plainName) else { return nil }
            return claim(name, given, findings, hint: "give each route a name of its own")
        }
        guard !route.failed.contains("name"), let topics, let value = route["topic"] ?? route["topics"] else { return nil }
        let name = topics.map(\.text).joined(separator: ", ")
        // A lone topic is a name whatever its length.
        guard topics.count == 1 || name.unicodeScalars.count <= NameRules.longestName else {
            findings.add(
                "the route needs a `name`: its topics together are longer than \(NameRules.longestName) characters",
                at: route.position, hint: "add `name: …`")
            return nil
        }
        return claim(
            name, value, findings,
            hint: "a route is named after its topic unless it has a `name`; give one of them a `name`")
    }

    private mutating func claim(_ name: String, _ value: DecodedValue, _ findings: Findings, hint: String) -> String? {
        guard let place = value.source.position else { return nil }
        if let first = places[ByteString(name)] {
            let shown = value.isSecret ? "from `${…}`" : DisplayText.quoted(name)
            let earlier = first.file.hasSameBytes(as: place.file) ? "line \(first.line)" : "\(DisplayText.plain(first.file)):\(first.line)"
            findings.add("route \(shown) is defined twice: first at \(earlier)", at: place, hint: hint)
            return nil
        }
        places[ByteString(name)] = place
        return name
    }
}
