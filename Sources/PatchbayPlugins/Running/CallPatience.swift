/// How long a plugin with a deadline may keep the consumer thread, whose other topics wait meanwhile. A batch may take a call, the
/// retries, and one start and one call more that begin within them: with the usual deadline that is less than the usual time after
/// which the thread counts as stuck, and the router would be restarted for a plugin's fault.
struct CallPatience: Sendable, Equatable {
    /// For a batch.
    let deadline: Duration

    /// To start, which is more than a call: a program, its libraries, and the tables that `patchbay_create` reads.
    var start: Duration { min(deadline * 10, max(deadline, .seconds(3))) }

    /// For the retries of a batch; none begins later.
    var retries: Duration { min(deadline * 10, max(deadline, .seconds(2))) }

    /// The longest that a batch may take, with instances that break and hang.
    var longest: Duration { deadline + retries + start + deadline }
}
