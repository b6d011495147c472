import PatchbayAPI
import PatchbayKafka

/// Which letters of a topic a replay would produce again, and where.
package struct ReplayPlan: Sendable {
    package struct Item: Sendable {
        package let position: DeadLetter.Position
        package let timestampMilliseconds: Int64
        package let target: String
        /// `nil` to let the key decide.
        package let partition: Int32?
    }

    /// In the order in which they are replayed: partition by partition, as they were refused.
    package internal(set) var items: [Item]
    /// Letters that were asked for and are marked as replayed.
    package internal(set) var replayedBefore: Int
    /// Letters that were named and are not there.
    package let missing: [DeadLetter.Position]
    /// Up to where marks are known.
    let extent: [Int32: Range<Int64>]

    /// What a replay is asked for.
    package struct Request: Sendable {
        package var filter = DeadLetterFilter()
        /// These letters only; empty for all that pass the filter.
        package var positions: [DeadLetter.Position] = []
        /// At most so many, the oldest first.
        package var limit: Int?
        /// In place of the topics that the records came from.
        package var target: String?
        /// Those that were replayed before, too.
        package var again = false

        package init() {}
    }

    /// Why there is no plan.
    package struct Problem: Error {
        package let reason: String
    }

    /// Reads the topic once.
    /// - Parameter partitions: of the topics of the cluster, by name.
    package init(
        _ request: Request, of topic: DeadLetterTopic, _ reader: DeadLetterReader, partitions: [String: Int], masks: MaskedNames
    ) throws {
        let wanted = Set(request.positions)
        let extent = try reader.extent(since: wanted.isEmpty ? request.filter.since : nil)
        var items: [Item] = []
        var marks: Set<DeadLetter.Position> = []
        var problem: Problem?
        try reader.read(extent) { record in
            if let mark = ReplayMark(record) {
                marks.insert(mark.position)
            } else if let letter = DeadLetter(record), wanted.isEmpty ? request.filter.takes(letter) : wanted.contains(letter.position) {
                do throws(Problem) {
                    items.append(try Self.item(for: letter, request.target, of: topic, partitions, masks))
                } catch {
                    problem = error
                }
            }
            return problem == nil
        }
        if let problem { throw problem }
        let found = Set(items.map(\.position))
        missing = request.positions.filter { !found.contains($0) }
        let pending = request.again ? items : items.filter { !marks.contains($0.position) }
        replayedBefore = items.count - pending.count
        self.extent = extent
        self.items = pending
        if let limit = request.limit, limit < pending.count {
            self.items = Array(
                pending.sorted { ($0.timestampMilliseconds, $0.position) < ($1.timestampMilliseconds, $1.position) }.prefix(limit))
        }
        self.items.sort { $0.position < $1.position }
    }

    private static func item(
        for letter: DeadLetter, _ target: String?, of topic: DeadLetterTopic, _ partitions: [String: Int], _ masks: MaskedNames
    ) throws(Problem) -> Item {
        let name = target ?? letter.origin.topic
        let shown = masks.shown(name)
        guard !name.hasSameBytes(as: topic.name) else {
            throw Problem(reason: "`\(shown)` is the dead-letter topic itself; name another one with --to")
        }
        guard let count = partitions.first(where: { $0.key.hasSameBytes(as: name) })?.value else {
            throw Problem(
                reason: "topic `\(shown)` doesn't exist: "
                    + (target == nil ? "name another one with --to, or create it" : "create it, or check its spelling"))
        }
        // A producer that chose partitions in its own way would not find its order again if the key decided now.
        let isHome = name.hasSameBytes(as: letter.origin.topic)
        let partition = isHome ? letter.origin.partition.flatMap { (0..<count).contains(Int($0)) ? $0 : nil } : nil
        return Item(position: letter.position, timestampMilliseconds: letter.timestampMilliseconds, target: name, partition: partition)
    }

    /// How many letters go to each topic, by name.
    package var counts: [(target: String, letters: Int)] {
        Dictionary(grouping: items) { ByteString($0.target) }.sorted { $0.key < $1.key }.map { ($0.key.string, $0.value.count) }
    }
}
