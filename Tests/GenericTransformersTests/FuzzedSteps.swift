import AggregateTransformer
import GenericTransformers
import PatchbayAPI
import TokenTransformer
import TradeTransformer
import TransformerTestSupport

/// The steps that the fuzzer (Tests/Fuzz) and the tests with seeds run on any bytes; at least one of each.
enum FuzzedSteps {
    private static func fields(_ fields: [ByteString: ConfigValue]) -> [String: ConfigValue] { ["fields": .map(fields)] }

    static let all = [
        FuzzedStep(TokenTransformer.definition),
        FuzzedStep(TradeTransformer.definition),
        FuzzedStep(
            TradeTransformer.definition,
            [
                "value_usd": .bool(true), "numbers": .strings("PriceUsd", "ValueUsd"), "optional": .strings("Wallet", "PriceUsd", "TxHash"),
            ]),
        FuzzedStep(AggregateTransformer.definition),
        FuzzedStep(
            AggregateTransformer.definition,
            ["numbers": .strings("aggregate_data.open_price"), "optional": .strings("aggregate_data.price_change", "aggregate_data")]),
        FuzzedStep(JSONTransformer.definition),
        FuzzedStep(FilterTransformer.definition, ["where": .string(#".a.b[1] == 1 or ."x.y" == "z" or @key.id > 1"#)]),
        FuzzedStep(PickTransformer.definition, ["fields": .strings("a.b", "c", #"["x.y"]"#)]),
        FuzzedStep(RenameTransformer.definition, fields(["a.b": .string("z"), "l[1].a": .string("q\"")])),
        FuzzedStep(DropTransformer.definition, ["fields": .strings("a.b", "c", "l[0]", "l[1].a", "[0]")]),
        FuzzedStep(
            SetTransformer.definition,
            fields([
                "a.b": .json(#""{c}""#), "n.m[0]": .json("1"), "l[1].a": .json(#""{a} {@key} {{}}""#), "t": .json(#"["{@key.id}",1.50]"#),
            ]).merging(["missing": .string("skip")]) { $1 }),
        FuzzedStep(
            SetTransformer.definition,
            fields(["z": .json(#""{c}{a.b}""#)]).merging(["missing": .string("null")]) { $1 }),
        FuzzedStep(
            ConvertTransformer.definition,
            fields([
                "a.b": .string("decimal"), "c": .string("integer"), "l[0]": .string("string"), "l[1].a": .string("upper"),
                "t": .map(["from": .string("epoch_ms"), "to": .string("iso8601")]),
                "u": .map(["from": .string("iso8601"), "to": .string("epoch_ns")]), "n": .string("number"), "o": .string("boolean"),
            ]).merging(["invalid": .string("pass")]) { $1 }),
        FuzzedStep(FlattenTransformer.definition, ["separator": .string("\""), "depth": .integer(2)]),
        FuzzedStep(UnwrapTransformer.definition, ["path": .string("l[1]")]),
        FuzzedStep(ParseTransformer.definition, ["fields": .strings("p", "l[0]"), "invalid": .string("pass")]),
        FuzzedStep(ParseTransformer.definition),
        FuzzedStep(SplitTransformer.definition, ["path": .string("l"), "keep": .strings("c", "a.b"), "as": .string("x")]),
        FuzzedStep(SplitTransformer.definition, ["path": .string("l"), "keep": .strings("c")]),
        FuzzedStep(DecodeTransformer.definition, ["format": .string("text"), "invalid": .string("replace")]),
        FuzzedStep(DecodeTransformer.definition, ["format": .string("text")]),
        FuzzedStep(JQTransformer.definition, ["program": .string(".a.b?, .l[]?")]),
        FuzzedStep(JQTransformer.definition, ["program": .string(#"reduce .. as $x ([]; [., $x]) | [., ("\(.)" | fromjson)] | sort"#)]),
        FuzzedStep(DedupeTransformer.definition, ["key": .string("{c}"), "keys": .integer(3)]),
        FuzzedStep(ThrottleTransformer.definition, ["key": .string(#"{a.b}"#), "messages": .integer(2), "keys": .integer(3)]),
        FuzzedStep(ConflateTransformer.definition, ["key": .string("{c}"), "keys": .integer(3)]),
        FuzzedStep(ConflateTransformer.definition, ["key": .string("{@key}"), "keys": .integer(3)]),
        FuzzedStep(SampleTransformer.definition, ["one_in": .integer(2)]),
    ]
}
