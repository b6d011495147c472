import PatchbayAPI
import PatchbayConfig
import PatchbayJSON

/// The schemas of single values. `minimum` and `maximum` only concern numbers, `pattern` only texts, so one schema says
/// "a number of this range, or a text with `${…}` in it".
enum ScalarSchema {
    private static let replaced = #"\$\{"#

    static let interpolated: JSONObject = [
        "description": "`${NAME}`, `${NAME:-default}` or `${file:/path}`", "type": "string", "pattern": .string(replaced),
    ]

    /// As `Quantity.milliseconds` reads it; the range is left to the loader.
    static let duration: JSONObject = [
        "description": "A time span: `500ms`, `30s`, `5m`, `1h`", "type": "string",
        "pattern": .string("^[0-9]+(ms|s|m|h)$|" + replaced),
    ]

    static let bool: JSONObject = ["type": ["boolean", "string"], "pattern": .string(replaced)]

    static let scalar: JSONObject = ["type": ["string", "number", "boolean"]]

    static func text(_ minimumLength: Int) -> JSONObject {
        var schema: JSONObject = ["type": "string"]
        if minimumLength > 0 { schema["minLength"] = .integer(Int64(minimumLength)) }
        return schema
    }

    static func integer(_ range: ClosedRange<Int64>, zero: Bool) -> JSONObject {
        orZero(zero && !range.contains(0), lowest: range.lowerBound) { lowest in
            ["type": ["integer", "string"]] + bounds(lowest, range.upperBound) + ["pattern": .string(replaced)]
        }
    }

    /// As `Quantity.bytes` reads it; the range of what has a unit is left to the loader.
    static func size(_ range: ClosedRange<Int64>, zero: Bool) -> JSONObject {
        orZero(zero && !range.contains(0), lowest: range.lowerBound) { lowest in
            ["type": ["integer", "string"]] + bounds(lowest, range.upperBound)
                + ["pattern": .string("^[0-9]+(([KkMmGg][Ii]?)?[Bb])?$|" + replaced)]
        }
    }

    static func number(_ range: ClosedRange<Double>, zero: Bool) -> JSONObject {
        var schema: JSONObject = ["type": ["number", "string"]]
        if range.lowerBound > -.greatestFiniteMagnitude { schema["minimum"] = .number(range.lowerBound) }
        if range.upperBound < .greatestFiniteMagnitude { schema["maximum"] = .number(range.upperBound) }
        schema["pattern"] = .string(replaced)
        return zero && !range.contains(0) ? orZero(schema) : schema
    }

    /// A word that YAML takes for a number or boolean is accepted in that form too.
    static func words(_ words: [String]) -> [JSONTree] {
        words.flatMap { word -> [JSONTree] in
            switch ScalarType(plain: word) {
            case .integer(let value?): [.string(word), .integer(value)]
            case .number(let value) where value.isFinite: [.string(word), .number(value)]
            case .bool(let value): [.string(word), .bool(value)]
            default: [.string(word)]
            }
        }
    }

    private static func bounds(_ lowest: Int64, _ highest: Int64) -> JSONObject {
        var bounds = JSONObject()
        if lowest != .min { bounds["minimum"] = .integer(lowest) }
        if highest != .max { bounds["maximum"] = .integer(highest) }
        return bounds
    }

    /// Whether 0 is allowed besides the range; just below it, it only moves the lower bound.
    private static func orZero(_ zero: Bool, lowest: Int64, _ schema: (Int64) -> JSONObject) -> JSONObject {
        guard zero else { return schema(lowest) }
        return lowest == 1 ? schema(0) : orZero(schema(lowest))
    }

    private static func orZero(_ schema: JSONObject) -> JSONObject { ["anyOf": [.object(schema), ["const": 0]]] }
}
