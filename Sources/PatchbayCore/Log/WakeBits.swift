import Synchronization

/// Who has to be woken for a channel's news: one bit per event loop that has subscribers, one per loop that was told and
/// has not looked yet.
///
/// The invariant: **while a subscriber lacks a message, a look of its event loop is under way or announced.** It rests on
/// two orders, which the tests prove by enumerating every interleaving of writers and a loop that joins, looks and leaves
/// (`WakeBitsTests`); no sanitizer can see a lost wake-up.
///
/// 1. A reader publishes its interest *before* it reads the head, under the log's lock. The other way round, a message
///    between the two wakes nobody.
/// 2. "Already told" is cleared on joining and on every look, also one that finds nothing to do. A writer that read
///    `interested` before a loop left may set the bit after it; without the clearing the bit would stay for the next
///    subscribers, whom nobody would ever wake.
///
/// Thread: any.
struct WakeBits: ~Copyable {
    /// One atomic access. Joining and leaving are lists of them, so that the tests run the very same lists.
    enum Step: Hashable { case clearTold, publishInterest, withdrawInterest }

    /// What comes before a loop's first subscriber reads the head.
    static let joining: [Step] = [.clearTold, .publishInterest]
    /// What comes before a loop without subscribers gives up its place in the log.
    static let leaving: [Step] = [.withdrawInterest, .clearTold]
    /// What comes before a loop takes what is new, and when it finds that it has no subscribers here any more.
    static let looking: [Step] = [.clearTold]

    private let interested = Atomic<UInt64>(0)
    private let told = Atomic<UInt64>(0)

    /// - Parameter loop: index of the loop, 0..<64.
    borrowing func run(_ steps: [Step], loop: Int) {
        for step in steps { run(step, bit: 1 << UInt64(loop)) }
    }

    /// `looking`, once per channel and pass.
    borrowing func look(loop: Int) { run(.clearTold, bit: 1 << UInt64(loop)) }

    private borrowing func run(_ step: Step, bit: UInt64) {
        switch step {
        case .clearTold: told.bitwiseAnd(~bit, ordering: .acquiringAndReleasing)
        case .publishInterest: interested.bitwiseOr(bit, ordering: .acquiringAndReleasing)
        case .withdrawInterest: interested.bitwiseAnd(~bit, ordering: .acquiringAndReleasing)
        }
    }

    /// After an append: the loops to tell, as bits: those that are interested and have not been told since they last
    /// looked. The caller tells them.
    borrowing func loopsToTell() -> UInt64 {
        let wanted = interested.load(ordering: .acquiring)
        guard wanted != 0 else { return 0 }
        return wanted & ~told.bitwiseOr(wanted, ordering: .acquiringAndReleasing).oldValue
    }
}
