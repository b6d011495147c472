import Testing

@testable import PatchbayCore

/// A lost wake-up: a loop that joined a channel read the head before it said that it was interested, so a batch between
/// the two woke nobody; and a writer that had read "interested" before a loop left could mark the loop as told after
/// it, for good: later subscribers of that channel on that loop got nothing, and consumers waited a second per poll for
/// them. Neither shows in a stress test, nor to a sanitizer. So every interleaving is tried, on a model whose steps are
/// the atomic accesses of `WakeBits`, in the order that `WakeBits` itself gives.
@Suite struct WakeBitsTests {
    /// The orders of the model: those of the code, or others, to see that the model would notice.
    struct Orders: Sendable {
        var joining = WakeBits.joining
        var leaving = WakeBits.leaving
        /// Before what is new is taken.
        var looking = WakeBits.looking
        /// In a look that finds no subscribers.
        var lookingInVain = WakeBits.looking
        /// Whether the head is read after all of `joining`, or before.
        var readsHeadLast = true
    }

    /// What the model's loop does, one after the other.
    enum Task: Hashable { case join, leave }

    private enum Action: Hashable {
        case step(WakeBits.Step)
        /// Under the log's lock: take the head as the position, or everything new, or give up the place.
        case readHead, take, giveUp
        /// A look begins: take what was announced.
        case look
        /// Writers: append under the lock; read `interested`; mark as told; put the log into the loop's inbox.
        case append, readInterested, markTold, announce
    }

    /// All there is: one channel, one event loop, writers.
    private struct World: Hashable {
        var head = 0
        var interested = false
        var told = false
        /// Times the log is in the loop's inbox.
        var announced = 0
        /// What the subscriber has; `nil` without one.
        var position: Int?
        /// Whether the loop still counts the channel among its own: from joining to leaving.
        var isKnown = false
        var tasks: [Task]
        var loop: [Action] = []
        var writers: [Writer]
    }

    private struct Writer: Hashable {
        var steps: [Action]
        var sawInterest = false
        var mustAnnounce = false
    }

    /// Every world that can be reached and in which nobody has anything left to do.
    private func ends(tasks: [Task], writers: Int, orders: Orders) -> Set<World> {
        let writer = Writer(steps: [.append, .readInterested, .markTold, .announce])
        let start = World(tasks: tasks, writers: Array(repeating: writer, count: writers))
        var seen: Set<World> = [start]
        var open = [start]
        var ends: Set<World> = []
        while let world = open.popLast() {
            let next = successors(of: world, orders)
            if next.isEmpty { ends.insert(world) }
            for world in next where seen.insert(world).inserted { open.append(world) }
        }
        return ends
    }

    private func successors(of world: World, _ orders: Orders) -> [World] {
        var all: [World] = []
        if !world.loop.isEmpty {
            var next = world
            run(next.loop.removeFirst(), &next, orders)
            all.append(next)
        } else {
            if world.announced > 0 {
                var next = world
                next.loop = [.look]
                all.append(next)
            }
            if let task = world.tasks.first {
                var next = world
                next.tasks.removeFirst()
                switch task {
                case .join:
                    next.isKnown = true
                    let steps = orders.joining.map(Action.step)
                    next.loop = orders.readsHeadLast ? steps + [.readHead] : [.readHead] + steps
                case .leave:
                    next.isKnown = false
                    next.position = nil
                    next.loop = orders.leaving.map(Action.step) + [.giveUp]
                }
                all.append(next)
            }
        }
        for index in world.writers.indices {
            guard let action = world.writers[index].steps.first else { continue }
            var next = world
            next.writers[index].steps.removeFirst()
            switch action {
            case .append: next.head += 1
            case .readInterested: next.writers[index].sawInterest = world.interested
            case .markTold where world.writers[index].sawInterest:
                next.writers[index].mustAnnounce = !world.told
                next.told = true
            case .announce where world.writers[index].mustAnnounce: next.announced += 1
            default: break
            }
            all.append(next)
        }
        return all
    }

    private func run(_ action: Action, _ world: inout World, _ orders: Orders) {
        switch action {
        case .step(.clearTold): world.told = false
        case .step(.publishInterest): world.interested = true
        case .step(.withdrawInterest): world.interested = false
        case .readHead: world.position = world.head
        case .take: if world.position != nil { world.position = world.head }
        case .look:
            world.announced = 0
            let steps = world.isKnown ? orders.looking : orders.lookingInVain
            world.loop = steps.map(Action.step) + [.take]
        case .giveUp, .append, .readInterested, .markTold, .announce: break
        }
    }

    /// Whether a subscriber lacks a message, or will lack the next one, and nobody is going to look.
    private func isStuck(_ world: World) -> Bool {
        guard let position = world.position else { return false }
        return position < world.head || !world.interested || world.told
    }

    private static let lives: [[Task]] = [
        [.join], [.join, .leave, .join], [.join, .leave, .join, .leave, .join],
    ]

    @Test(arguments: lives, [1, 2])
    func noInterleavingLosesAWakeUp(tasks: [Task], writers: Int) {
        let ends = ends(tasks: tasks, writers: writers, orders: Orders())
        #expect(!ends.isEmpty)
        #expect(ends.filter(isStuck).isEmpty)
    }

    /// The model is worth something only if it finds what was wrong.
    @Test(arguments: [
        // As it was: the head first, then the interest.
        Orders(joining: [.publishInterest], lookingInVain: [], readsHeadLast: false),
        // The interest first, but a stale "told" stays.
        Orders(joining: [.publishInterest], lookingInVain: []),
        // Cleared after the interest is published: a writer's announcement of just now is wiped out, which costs a look
        // and no message; but the head is read before both.
        Orders(readsHeadLast: false),
        // A look that takes first and clears then.
        Orders(looking: []),
    ])
    func otherOrdersGetStuck(orders: Orders) {
        let stuck = Self.lives.contains { tasks in
            ends(tasks: tasks, writers: 2, orders: orders).contains(where: isStuck)
        }
        #expect(stuck)
    }

    @Test func tellsEachLoopOnceUntilItLooks() {
        let bits = WakeBits()
        #expect(bits.loopsToTell() == 0)
        bits.run(WakeBits.joining, loop: 0)
        bits.run(WakeBits.joining, loop: 63)
        #expect(bits.loopsToTell() == UInt64(1) | UInt64(1) << 63)
        #expect(bits.loopsToTell() == 0)
        bits.look(loop: 63)
        #expect(bits.loopsToTell() == UInt64(1) << 63)
        bits.run(WakeBits.leaving, loop: 63)
        bits.run(WakeBits.joining, loop: 63)
        // The other one was told and has not looked.
        #expect(bits.loopsToTell() == UInt64(1) << 63)
    }
}
