/// The transformers that routes may name: a value, made once and handed to everybody who needs it. Sets add up, so that those that
/// ship, those of plugins and those of a test are all the same.
public struct TransformerSet: Sendable {
    private struct Entry: Sendable {
        let definition: TransformerDefinition
        let origin: String
        let revision: String?
    }

    private var entries: [Entry] = []
    private var indexByName: [ByteString: Int] = [:]

    /// Two transformers of one name.
    public struct Duplicate: Error, Equatable, CustomStringConvertible {
        public let name: String
        /// Where the two come from, in the order in which they were added.
        public let origins: [String]

        public var description: String {
            "two transformers are called \"\(name)\": one of \(origins.joined(separator: ", one of "))"
        }
    }

    /// No transformers.
    public init() {}

    /// - Parameters:
    ///   - origin: where they come from, for people: `the built-in ones`, the path of a plugin.
    ///   - revision: tells apart what may be loaded under one name in the life of a process; `nil` for what never changes.
    /// - Throws: when two have one name.
    public init(_ definitions: [TransformerDefinition], from origin: String, revision: String? = nil) throws(Duplicate) {
        for definition in definitions { try add(Entry(definition: definition, origin: origin, revision: revision)) }
    }

    /// In the order in which they were added.
    public var definitions: [TransformerDefinition] { entries.map(\.definition) }

    /// The one of that name.
    public subscript(name: String) -> TransformerDefinition? { indexByName[ByteString(name)].map { entries[$0].definition } }

    /// Where the one of that name comes from.
    public func origin(of name: String) -> String? { indexByName[ByteString(name)].map { entries[$0].origin } }

    /// Which one of that name it is; `nil` for what never changes while the process runs.
    public func revision(of name: String) -> String? { indexByName[ByteString(name)].flatMap { entries[$0].revision } }

    /// Both together.
    ///
    /// - Throws: when both have one of the same name.
    public func adding(_ other: TransformerSet) throws(Duplicate) -> TransformerSet {
        var sum = self
        for entry in other.entries { try sum.add(entry) }
        return sum
    }

    /// Only those that `isWanted`.
    public func filter(_ isWanted: (TransformerDefinition) -> Bool) -> TransformerSet {
        var rest = TransformerSet()
        for entry in entries where isWanted(entry.definition) {
            rest.indexByName[ByteString(entry.definition.name)] = rest.entries.count
            rest.entries.append(entry)
        }
        return rest
    }

    private mutating func add(_ entry: Entry) throws(Duplicate) {
        let name = ByteString(entry.definition.name)
        if let first = indexByName[name] {
            throw Duplicate(name: name.string, origins: [entries[first].origin, entry.origin])
        }
        indexByName[name] = entries.count
        entries.append(entry)
    }
}
