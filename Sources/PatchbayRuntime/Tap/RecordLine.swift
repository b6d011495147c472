import Foundation
import PatchbayAPI
import PatchbayCore
import PatchbayJSON
import PatchbayKafka

/// A record as one line of JSON, for `tap --topic`: the value as it is when it is JSON, else as text, else in Base64.
package enum RecordLine {
    package static func text(_ record: ConsumedRecord) -> String {
        var members = [
            "\"topic\":\(JSONLiteral.quoted(record.topic))", "\"partition\":\(record.partition)",
            "\"offset\":\(record.recordOffset)",
        ]
        if record.timestampMilliseconds >= 0 {
            members.append("\"timestamp\":\"\(Timestamp.text(record.timestampMilliseconds))\"")
        }
        members.append(member("key", record.key, takesJSON: false))
        if !record.headers.isEmpty {
            let headers = record.headers.map { "{\"name\":\(JSONLiteral.quoted($0.name)),\(member("value", $0.value, takesJSON: false))}" }
            members.append("\"headers\":[\(headers.joined(separator: ","))]")
        }
        members.append(member("value", record.value, takesJSON: true))
        return "{\(members.joined(separator: ","))}"
    }

    private static func member(_ name: String, _ bytes: [UInt8]?, takesJSON: Bool) -> String {
        guard let bytes else { return "\"\(name)\":null" }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return "\"\(name)_base64\":\"\(Data(bytes).base64EncodedString())\""
        }
        // On one line, whatever white space the producer wrote.
        if takesJSON, let json = JSONPretty.compact(text) { return "\"\(name)\":\(json)" }
        return "\"\(name)\":\(JSONLiteral.quoted(text))"
    }
}
