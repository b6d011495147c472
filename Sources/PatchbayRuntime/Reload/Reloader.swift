import Dispatch
import Logging
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayDelivery
import PatchbayHTTP
import Synchronization

/// Takes up changes of the configuration: loads and checks the files whole, and only then puts them in force. A file
/// with a mistake changes nothing.
///
/// Reloads run one after the other.
actor Reloader {
    /// Who asked.
    enum Trigger: String, Sendable {
        case signal = "SIGHUP"
        case file = "file change"
        case request = "request"
    }

    /// Loads and checks the files, or a candidate in the place of the main one.
    typealias Load = @Sendable (_ candidate: Candidate?) -> LoadedConfiguration
    /// Puts a table and the consumers it needs in force, and returns the generation.
    typealias Apply = @Sendable (RouterConfiguration) async -> Int

    private let load: Load
    private let apply: Apply
    private let recent: @Sendable () -> [(cluster: String, topic: String, records: [SampledRecord])]
    private let logger: Logger
    private var current: RouterConfiguration
    private var last: Task<ReloadReport, Never>?
    /// What the last right configuration was read from.
    private var knownInForce: KnownFiles
    /// The files as they were loaded last. The watcher sees a change that somebody has asked to be taken up too, later.
    private var handled: (look: FileWatcher.Look, contentHash: Int)?

    /// What other threads see.
    private struct Shared {
        var status: ConfigurationStatus
        var files: [String]
        /// What a candidate may read.
        var known: KnownFiles
        var isStopped = false
    }

    private let shared: Mutex<Shared>

    init(
        current: LoadedConfiguration, configuration: RouterConfiguration, load: @escaping Load, apply: @escaping Apply,
        recent: @escaping @Sendable () -> [(cluster: String, topic: String, records: [SampledRecord])], logger: Logger
    ) {
        self.load = load
        self.apply = apply
        self.recent = recent
        self.logger = logger
        self.current = configuration
        knownInForce = current.known
        shared = Mutex(
            Shared(
                status: ConfigurationStatus(appliedAtMilliseconds: Timestamp.nowMilliseconds()), files: current.files,
                known: current.known))
    }

    nonisolated var status: ConfigurationStatus { shared.withLock { $0.status } }

    /// The files to watch.
    nonisolated var files: [String] { shared.withLock { $0.files } }

    /// No reload begins from now on; one under way ends first.
    func stop() async {
        shared.withLock { $0.isStopped = true }
        _ = await last?.value
    }

    func reload(_ trigger: Trigger) async -> ReloadReport { await enqueue { await self.perform(trigger) } }

    /// What a reload would do.
    ///
    /// - Parameter candidate: what the main file would hold; `nil` for what it does.
    func preview(candidate: [UInt8]? = nil) async -> ReloadReport { await enqueue { await self.examine(candidate) } }

    private func enqueue(_ body: @escaping @Sendable () async -> ReloadReport) async -> ReloadReport {
        let previous = last
        let task = Task {
            _ = await previous?.value
            return await body()
        }
        last = task
        return await task.value
    }

    // MARK: One at a time

    private func perform(_ trigger: Trigger) async -> ReloadReport {
        var report = ReloadReport(result: .unchanged, generation: status.generation)
        guard !shared.withLock({ $0.isStopped }) else { return report }
        let loaded = await BlockingWork.run { [load] in load(nil) }
        report.findings = loaded.findings.map(Finding.init)
        if loaded.configuration != nil { knownInForce = loaded.known }
        // A load that fails early doesn't come to the secrets of what is in force; they are secrets all the same.
        let known = loaded.known.joined(with: knownInForce)
        shared.withLock {
            $0.files = loaded.files
            $0.known = known
        }
        let look = FileWatcher.look(atFiles: loaded.files)
        // Both: a touched file may be meant as "try again", and two writes may be too close for the file system's clock.
        let isHandled = handled.map { $0.look == look && $0.contentHash == loaded.contentHash } ?? false
        handled = (look, loaded.contentHash)
        if trigger == .file, isHandled { return report }
        guard let next = loaded.configuration else {
            report.result = .refused
            note(refusal: loaded, trigger)
            return report
        }
        let before = current
        let difference = await BlockingWork.run { ConfigurationDifference(from: before, to: next) }
        report.changes = difference.changes
        let hadError = status.error != nil
        guard difference.changes.contains(where: { !$0.needsRestart }) else {
            shared.withLock {
                $0.status.unchanged += 1
                $0.status.error = nil
                $0.status.restartNeeded = difference.restartNeeded
            }
            // Settings that wait for a restart stay what the process runs with; a stopped route is tried again.
            _ = await apply(current)
            logger.info(
                hadError ? "the file matches the running configuration again" : "configuration is unchanged",
                metadata: ["trigger": "\(trigger.rawValue)"])
            warnOfRestart(difference)
            return report
        }
        report.result = .applied
        report.generation = await apply(next)
        current = current.takingUp(next)
        shared.withLock {
            $0.status.generation = report.generation
            $0.status.applied += 1
            $0.status.error = nil
            $0.status.restartNeeded = difference.restartNeeded
            $0.status.appliedAtMilliseconds = Timestamp.nowMilliseconds()
        }
        logger.info(
            "configuration reloaded",
            metadata: [
                "trigger": "\(trigger.rawValue)", "generation": "\(report.generation)",
                "changes": "\(difference.text.split(separator: "\n").joined(separator: "; "))",
            ])
        warnOfRestart(difference)
        return report
    }

    private func examine(_ candidate: [UInt8]?) async -> ReloadReport {
        let (load, recent, current) = (load, recent, current)
        let generation = status.generation
        let known = shared.withLock { $0.known }
        return await BlockingWork.run {
            Self.examine(load(candidate.map { Candidate(bytes: $0, known: known) }), recent, current, generation: generation)
        }
    }

    private static func examine(
        _ loaded: LoadedConfiguration, _ recent: () -> [(cluster: String, topic: String, records: [SampledRecord])],
        _ current: RouterConfiguration, generation: Int
    ) -> ReloadReport {
        var report = ReloadReport(result: .wouldChangeNothing, generation: generation)
        report.findings = loaded.findings.map(Finding.init)
        guard let next = loaded.configuration else {
            report.result = .wouldRefuse
            return report
        }
        report.changes = ConfigurationDifference(from: current, to: next).changes
        // As a reload has it: what waits for a restart alone is no change.
        if report.changes.contains(where: { !$0.needsRestart }) { report.result = .wouldApply }
        report.preview = ReloadPreview.run(recent(), from: current, to: next)
        return report
    }

    private func note(refusal: LoadedConfiguration, _ trigger: Trigger) {
        let errors = refusal.findings.filter { $0.severity == .error }
        let first = errors.first.map(Self.line) ?? "no reason known"
        let summary = errors.count > 1 ? "\(first) (and \(errors.count - 1) more)" : first
        shared.withLock {
            $0.status.refused += 1
            $0.status.error = summary
        }
        logger.error(
            "configuration rejected; the previous one is still active",
            metadata: ["trigger": "\(trigger.rawValue)", "findings": "\(errors.map(Self.line).joined(separator: "; "))"])
    }

    private func warnOfRestart(_ difference: ConfigurationDifference) {
        guard !difference.restartNeeded.isEmpty else { return }
        logger.warning(
            "changed settings wait for a restart",
            metadata: ["settings": "\(difference.restartNeeded.joined(separator: ", "))"])
    }

    /// `file:line:col: message (hint)`
    private static func line(_ finding: Diagnostic) -> String {
        let place = finding.position.map { "\($0.file):\($0.line):\($0.column): " } ?? ""
        return place + finding.message + (finding.hint.map { " (\($0))" } ?? "")
    }
}

extension RouterConfiguration {
    /// The other's routes, channels and clusters, with the settings that a running process keeps.
    fileprivate func takingUp(_ next: RouterConfiguration) -> RouterConfiguration {
        RouterConfiguration(
            server: server, limits: limits, admin: admin, reload: reload, alerts: alerts.takingUp(next.alerts), plugins: next.plugins,
            transformers: next.transformers, clusters: next.clusters,
            channels: next.channels,
            routes: next.routes)
    }
}

/// Where work goes that takes long and waits for nobody: Swift's pool has a thread per core for everything else.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "patchbay.off-pool", qos: .utility)

    /// One at a time.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }
}
