public import PatchbayAPI
import PatchbayJSON

/// The JSON Schema of routes.yaml, for editors and other tools.
///
/// It accepts every file that the loader accepts. The loader is stricter: it also checks what a schema can't express, such
/// as the range of a duration, whether a name exists, and what `${NAME}` stands for.
public enum ConfigSchema {
    /// - Parameter transformers: what routes may name.
    /// - Returns: draft 2020-12, indented, the same for the same declarations; ends with a line break.
    public static func json(transformers: TransformerSet) -> String {
        var builder = SchemaBuilder(transformers: transformers)
        let root = builder.mapping(.root)
        let head: JSONObject = [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://patchbay.invalid/routes.schema.json",
            "title": "routes.yaml",
            "description": "What Patchbay routes: Kafka topics, through transformers, to channels. `patchbay check` finds more.",
        ]
        return JSONTree.object(head + root + ["$defs": .object(builder.definitions)]).pretty(quoted: PrintableText.quoted) + "\n"
    }
}
