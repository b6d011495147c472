import PatchbayAPI
import PatchbayJSON

/// The definitions of what a plugin describes, each with the plugin's code behind it.
enum PluginDefinitions {
    /// - Parameter plugin: what people call it.
    static func make(_ program: PluginLoader.Program, plugin: String) -> [TransformerDefinition] {
        program.description.transformers.enumerated().map { number, transformer in
            definition(transformer, number: number, of: program.code, plugin: plugin)
        }
    }

    private static func definition(
        _ transformer: PluginDescription.Transformer, number: Int, of code: any PluginCode, plugin: String
    ) -> TransformerDefinition {
        let name = "`\(transformer.name)` of `\(plugin)`"
        let output = transformer.output
        let tick = transformer.tick.map { Duration.milliseconds($0) }
        let (wantsHeaders, wantsTombstones) = (transformer.wantsHeaders, transformer.wantsTombstones)
        let memory = transformer.remembers ? TransformerMemory.earlierRecords : .none
        var definition = TransformerDefinition(
            name: transformer.name, summary: transformer.summary, defaultType: transformer.type, options: transformer.options,
            shorthand: transformer.shorthand, takesTombstones: wantsTombstones, memory: { _ in memory }, examples: transformer.examples,
            outputSchema: { _ in output },
            configure: { (options) throws(OptionError) in
                let json = json(options)
                // One that is made only to see whether it can be.
                let verdicts = PluginVerdicts(name: name)
                guard code.makeInstance(of: number, options: json, log: verdicts) != nil else {
                    if let reason = verdicts.breakReason {
                        throw OptionError(
                            option: nil, message: "the plugin broke while an instance was being made: it \(reason)",
                            hint: "`patchbay_create` has to return, an instance or NULL after a pb_log; `patchbay plugin test` tries it out"
                        )
                    }
                    throw OptionError(
                        option: nil,
                        message: verdicts.lastLine.map { "the plugin refuses these options: \($0)" }
                            ?? "the plugin refuses these options and gives no reason")
                }
                return {
                    PluginTransformer(
                        code, name: name, number: number, options: json, wantsHeaders: wantsHeaders, takesTombstones: wantsTombstones,
                        tickInterval: tick)
                }
            })
        definition.plugin = PluginOrigin(name: plugin, place: code.place)
        return definition
    }

    /// Options as a plugin gets them.
    static func json(_ options: OptionValues) -> [UInt8] {
        let entries = options.all.map { (ByteString($0.key), $0.value) }
        return Array(JSONTree(.map(Dictionary(entries) { first, _ in first })).text().utf8)
    }
}
