internal import CPatchbayPlugin
import PatchbayAPI

/// A plugin that runs in processes beside the router, one for each instance.
///
/// Thread: any.
final class HelperCode: PluginCode {
    private let image: HelperImage
    private let isolation: PluginIsolation
    /// What `ps` shows.
    private let name: String

    let place = PluginOrigin.Place.process
    let restarts: RestartPolicy?

    /// - Parameter name: what people call it.
    init(_ bytes: [UInt8], name: String, _ isolation: PluginIsolation) throws(PluginFailure) {
        guard HelperProgram.isThere(isolation.program) else {
            throw PluginFailure(
                "can't be isolated: \(isolation.program) isn't there, or can't be run",
                hint: "`\(HelperProgram.name)` belongs beside the `patchbay` program; install both")
        }
        self.name = name
        self.isolation = isolation
        restarts = RestartPolicy(retryTime: isolation.patience.retries)
        image = try HelperImage(bytes, name: String(name.split(separator: "/").last ?? "plugin"))
    }

    /// What the plugin says it has, and whether it exports `patchbay_tick`.
    func describe(limit: Int) throws(PluginFailure) -> (description: [UInt8]?, hasTick: Bool) {
        do throws(HelperFailure) {
            let helper = try HelperProcess(.description, of: image, isolation, name: name) { _ in HelperFailure("gives no description") }
            let text = helper.output.entries.text(limit: limit + 1)
            return (text.flatMap { $0.count > limit ? nil : $0 }, helper.hasTick)
        } catch {
            throw PluginFailure(error.reason, hint: error.hint)
        }
    }

    func makeInstance(of transformer: Int, options: [UInt8], log: PluginVerdicts) -> (any PluginInstance)? {
        var isRefused = false
        do throws(HelperFailure) {
            let helper = try HelperProcess(
                .instance(transformer: transformer, options: options), of: image, isolation, name: name
            ) { output in
                isRefused = true
                output.entries.tellLog(of: log)
                return HelperFailure("refuses its options")
            }
            helper.output.entries.tellLog(of: log)
            if helper.confinementError != 0 {
                var line = "runs unconfined: the kernel refuses seccomp with error \(helper.confinementError)"
                line.withUTF8 { log.log(PATCHBAY_WARNING, UnsafeRawBufferPointer($0)) }
            }
            return HelperInstance(helper)
        } catch {
            // What a plugin that refuses has to say, it has said.
            if !isRefused { log.breaks(error.reason) }
            return nil
        }
    }
}

/// Thread: one at a time.
private final class HelperInstance: PluginInstance {
    private let helper: HelperProcess
    let memory: (any PluginMemory)?

    init(_ helper: HelperProcess) {
        self.helper = helper
        memory = HelperMemory(process: helper.number)
    }

    func process(_ batch: UnsafePointer<pb_batch>, into verdicts: PluginVerdicts) -> Bool {
        let count = Int(batch.pointee.count)
        var first = 0
        // In parts, where a batch is larger than the area.
        while first < count {
            let taken = helper.pack(batch, from: first)
            guard taken > 0 else {
                verdicts.rejectTooLarge(first, limit: Int(PLUGIN_HELPER_INPUT_SIZE))
                first += 1
                continue
            }
            let isOfUse = attempt(verdicts, of: first, taken) { (helper) throws(HelperFailure) in try helper.process() }
            guard isOfUse else { return false }
            first += taken
        }
        return true
    }

    func tick(nowMilliseconds: Int64, into verdicts: PluginVerdicts) -> Bool {
        attempt(verdicts, of: 0, 0) { (helper) throws(HelperFailure) in try helper.tick(nowMilliseconds) }
    }

    private func attempt(
        _ verdicts: PluginVerdicts, of first: Int, _ taken: Int, _ call: (HelperProcess) throws(HelperFailure) -> Int32
    ) -> Bool {
        do throws(HelperFailure) {
            let result = try call(helper)
            helper.output.entries.apply(to: verdicts, first, taken, isBroken: false)
            if result != 0 { verdicts.gaveUp(result) }
            return result == 0
        } catch {
            helper.output.entries.apply(to: verdicts, first, taken, isBroken: true)
            verdicts.breaks(error.reason)
            return false
        }
    }
}
