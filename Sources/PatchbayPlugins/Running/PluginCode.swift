internal import CPatchbayPlugin
import PatchbayAPI

/// A plugin's code, wherever it runs: as a library of this process, in a process beside it, or as WebAssembly. What is above this
/// seam is the same for all.
///
/// Thread: any.
protocol PluginCode: AnyObject, Sendable {
    /// Where instances run.
    var place: PluginOrigin.Place { get }

    /// What new instances may cost; `nil` where they cost next to nothing.
    var restarts: RestartPolicy? { get }

    /// Makes an instance.
    ///
    /// - Parameters:
    ///   - transformer: its place in the description.
    ///   - options: a JSON object.
    ///   - log: takes what the plugin says meanwhile.
    /// - Returns: `nil` when the plugin refuses.
    func makeInstance(of transformer: Int, options: [UInt8], log: PluginVerdicts) -> (any PluginInstance)?
}

extension PluginCode {
    var restarts: RestartPolicy? { nil }
}

/// One instance of a transformer of a plugin. Destroyed with its last reference.
///
/// Thread: one at a time.
protocol PluginInstance: AnyObject {
    /// - Returns: whether the instance is still of use.
    func process(_ batch: UnsafePointer<pb_batch>, into verdicts: PluginVerdicts) -> Bool
    /// - Returns: whether the instance is still of use.
    func tick(nowMilliseconds: Int64, into verdicts: PluginVerdicts) -> Bool

    /// What it takes of memory, as long as it lives; `nil` where that is the router's own.
    var memory: (any PluginMemory)? { get }
}

extension PluginInstance {
    var memory: (any PluginMemory)? { nil }
}
