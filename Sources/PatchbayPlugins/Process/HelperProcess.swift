internal import CPatchbayPlugin

/// Why a helper is of no use any more. Completes "the plugin …".
struct HelperFailure: Error {
    let reason: String
    let hint: String?

    init(_ reason: String, hint: String? = nil) {
        self.reason = reason
        self.hint = hint
    }

    init(_ failure: PluginFailure) { self.init(failure.problem, hint: failure.hint) }
}

/// A process that runs one instance of a plugin. Ends with its last reference.
///
/// What it says is not to be trusted: each number is read once, and what it wrote is copied before anything is read of it.
///
/// Thread: one at a time.
final class HelperProcess {
    private var helper: plugin_helper
    /// Where its area is in it. Only ever added to: a wrong one is its own trouble.
    private var base: UInt64 = 0
    private var request: UInt64 = 1
    private let deadline: Int64
    /// Bytes of address space that the plugin may take.
    private let memory: Int
    private(set) var hasTick = false
    /// The error with which the kernel kept it from giving up its rights; 0 when it gave them up.
    private(set) var confinementError: Int32 = 0
    var output = HelperOutput()

    /// What it is started for.
    enum Purpose {
        case description
        case instance(transformer: Int, options: [UInt8])
    }

    /// Starts it and waits until it is ready, or has described itself.
    ///
    /// - Parameters:
    ///   - name: what `ps` shows.
    ///   - refused: what to do with what the plugin said when it gives no instance.
    init(
        _ purpose: Purpose, of image: HelperImage, _ isolation: PluginIsolation, name: String,
        refused: (borrowing HelperOutput) -> HelperFailure
    ) throws(HelperFailure) {
        deadline = isolation.deadline.nanoseconds
        memory = isolation.memory
        helper = plugin_helper_prepare()
        try Self.check(helper)
        guard let area = helper.area else { throw HelperFailure("has no memory") }
        switch purpose {
        case .description: area.pointee.operation = PLUGIN_HELPER_DESCRIBE
        case .instance(let transformer, let options):
            area.pointee.operation = PLUGIN_HELPER_CREATE
            area.pointee.transformer = UInt32(transformer)
            guard options.count <= Int(PLUGIN_HELPER_INPUT_SIZE) else { throw HelperFailure("has too many options") }
            area.pointee.options_length = UInt32(options.count)
            let place = UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(area) + Int(PLUGIN_HELPER_INPUT), count: Int(PLUGIN_HELPER_INPUT_SIZE))
            place.copyBytes(from: options)
        }
        area.pointee.request = request
        area.pointee.memory = UInt64(isolation.memory)
        area.pointee.may_be_unconfined = isolation.mustBeConfined ? 0 : 1
        plugin_helper_start(&helper, isolation.program, image.descriptor, name)
        try Self.check(helper)

        let answer = try wait(isolation.patience.start.nanoseconds, "didn't start within \(isolation.patience.start)")
        guard answer.protocol == PLUGIN_HELPER_PROTOCOL else {
            throw HelperFailure(
                "is run by a `\(HelperProgram.name)` of another version", hint: "install both programs of one version, and restart")
        }
        guard output.take(area, answer.used) else { throw Self.lie }
        if let failure = Self.failure(answer, output, refused) { throw failure }
        base = answer.base
        hasTick = answer.has_tick != 0
        confinementError = answer.number
    }

    deinit { plugin_helper_end(&helper) }

    /// Its process id, which no other process gets as long as this object lives.
    var number: Int32 { helper.number }

    // MARK: Calls

    /// Puts records from `first` on into the area.
    ///
    /// - Returns: how many; 0 when the first alone is too large.
    func pack(_ batch: UnsafePointer<pb_batch>, from first: Int) -> Int {
        Int(plugin_helper_pack(&helper, base, batch, UInt32(first)))
    }

    /// Gives the packed records to the plugin. What it says is in `output` then, also when it breaks.
    ///
    /// - Returns: what the plugin's function returned: 0 when it wants to go on.
    func process() throws(HelperFailure) -> Int32 { try call(PLUGIN_HELPER_PROCESS) }

    func tick(_ nowMilliseconds: Int64) throws(HelperFailure) -> Int32 {
        helper.area?.pointee.now_ms = nowMilliseconds
        return try call(PLUGIN_HELPER_TICK)
    }

    private func call(_ operation: UInt32) throws(HelperFailure) -> Int32 {
        output.clear()
        request += 1
        guard let area = helper.area, plugin_helper_ask(&helper, operation, request) != 0 else {
            throw HelperFailure("doesn't take requests")
        }
        let answer: plugin_helper_answer
        do throws(HelperFailure) {
            answer = try wait(deadline, "didn't answer within its deadline of \(Duration.nanoseconds(deadline))")
        } catch {
            // What it said before stands.
            _ = output.take(area, plugin_helper_read(&helper).used)
            throw error
        }
        guard output.take(area, answer.used) else { throw Self.lie }
        plugin_helper_trim(&helper, Int(answer.used))
        switch answer.outcome {
        case PLUGIN_HELPER_DONE: return 0
        case PLUGIN_HELPER_FAILED where answer.number != 0: return answer.number
        case PLUGIN_HELPER_FULL: throw Self.full
        default: throw Self.lie
        }
    }

    private func wait(_ nanoseconds: Int64, _ late: @autoclosure () -> String) throws(HelperFailure) -> plugin_helper_answer {
        switch plugin_helper_wait(&helper, nanoseconds) {
        case PLUGIN_HELPER_ANSWERED:
            let answer = plugin_helper_read(&helper)
            guard answer.answer == request else { throw Self.lie }
            return answer
        case PLUGIN_HELPER_LATE:
            throw HelperFailure(late() + (plugin_helper_is_short(&helper, UInt64(memory)) != 0 ? shortage : ""))
        default:
            let isShort = plugin_helper_read(&helper).outcome == PLUGIN_HELPER_SHORT
            throw HelperFailure(Self.ending(plugin_helper_status(&helper)) + (isShort ? shortage : ""))
        }
    }

    // MARK: What it died of

    /// The limit may have to do with it.
    private var shortage: String { ", with less than a quarter of its `memory` of \(memory >> 20) MiB left" }

    private static let lie = HelperFailure("says what can't be, about its own answer")
    private static let full = HelperFailure(
        "says more than fits into \(PLUGIN_HELPER_OUTPUT_SIZE >> 20) MiB or \(PLUGIN_HELPER_ENTRIES) verdicts")

    private static func check(_ helper: plugin_helper) throws(HelperFailure) {
        guard let call = helper.call else { return }
        throw HelperFailure("can't be started: \(String(cString: call)) says error \(helper.error)")
    }

    /// - Parameter status: of `plugin_helper_status`.
    static func ending(_ status: Int32) -> String {
        switch -status {
        case 9: "was killed (signal 9)"
        case 1...: "crashed (signal \(-status))"
        default: "ended its process (exit code \(status))"
        }
    }

    /// What a start came to, when it came to nothing.
    private static func failure(
        _ answer: plugin_helper_answer, _ output: borrowing HelperOutput, _ refused: (borrowing HelperOutput) -> HelperFailure
    ) -> HelperFailure? {
        let text =
            output.entries.text(limit: PluginText.sentenceLimit).map { bytes in
                bytes.withUnsafeBytes { PluginText.bounded($0, limit: PluginText.sentenceLimit) }
            } ?? ""
        return switch answer.outcome {
        case PLUGIN_HELPER_DONE: nil
        case PLUGIN_HELPER_REFUSED: refused(output)
        case PLUGIN_HELPER_FULL: full
        case PLUGIN_HELPER_NOT_LOADED:
            HelperFailure(
                "can't be loaded: \(text)",
                hint: "`ldd` shows which libraries it needs; install them, or link them into the plugin. They need room in `memory`, too")
        case PLUGIN_HELPER_NOT_EXPORTED:
            HelperFailure(
                "doesn't export `\(text)`", hint: "include patchbay_plugin.h, which makes it visible; in C++, inside `extern \"C\"`")
        case PLUGIN_HELPER_OTHER_ABI:
            HelperFailure(PluginFailure.otherABI(UInt32(bitPattern: answer.number)))
        case PLUGIN_HELPER_NO_DESCRIPTION:
            HelperFailure(
                "gives no description", hint: "`patchbay_describe` returns the address of a pb_bytes with at most 1 MiB of JSON")
        case PLUGIN_HELPER_NOT_CONFINED:
            HelperFailure(
                "can't be confined: the kernel refuses seccomp with error \(answer.number)",
                hint: "allow seccomp, or set `sandbox: optional` if only the deadline and the memory limit are wanted")
        case PLUGIN_HELPER_SYSTEM: HelperFailure("can't be started: \(text) says error \(answer.number)")
        default: lie
        }
    }
}
