import CLibJQ
import PatchbayAPI
import PatchbayJSON

/// What an expression of jq makes of one record: JSON texts one after the other, bounded.
///
/// Thread: one.
struct JQResults {
    enum Problem: Error, Equatable {
        /// In jq's words.
        case failed(String)
        /// The record has an object with a name twice.
        case duplicateName
        case tooMany, tooLarge, tooDeep
        /// A number that JSON doesn't have.
        case notANumber
    }

    /// Most results of a record.
    static let mostResults = 10_000
    /// Most bytes of all of them.
    static let mostBytes = 16 << 20
    /// Most levels of one, as of a record.
    static let mostLevels = JSONLimits.records.maximumDepth

    private(set) var bytes: [UInt8] = []
    /// Where each result ends in `bytes`.
    private(set) var ends: [Int] = []

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    /// Writes a result, which is taken over.
    mutating func append(_ result: jv) -> Problem? {
        guard ends.count < Self.mostResults else {
            jv_free(result)
            return .tooMany
        }
        if let problem = write(result, level: 1) { return problem }
        ends.append(bytes.count)
        return nil
    }

    /// A value may be in a result many times, and is written as often: so sizes are looked at on the way.
    private mutating func write(_ value: jv, level: Int) -> Problem? {
        defer { jv_free(value) }
        guard bytes.count <= Self.mostBytes else { return .tooLarge }
        switch jv_get_kind(value) {
        case JV_KIND_NULL: bytes.append(contentsOf: "null".utf8)
        case JV_KIND_TRUE: bytes.append(contentsOf: "true".utf8)
        case JV_KIND_FALSE: bytes.append(contentsOf: "false".utf8)
        case JV_KIND_NUMBER:
            let number = jv_number_value(value)
            guard number.isFinite else { return .notANumber }
            JQNumber.append(number, to: &bytes)
        case JV_KIND_STRING: appendString(value)
        case JV_KIND_ARRAY:
            guard level <= Self.mostLevels else { return .tooDeep }
            bytes.append(UInt8(ascii: "["))
            for index in 0..<jv_array_length(jv_copy(value)) {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                if let problem = write(jv_array_get(jv_copy(value), index), level: level + 1) { return problem }
            }
            bytes.append(UInt8(ascii: "]"))
        case JV_KIND_OBJECT:
            guard level <= Self.mostLevels else { return .tooDeep }
            bytes.append(UInt8(ascii: "{"))
            var iterator = jv_object_iter(value)
            var isFirst = true
            while jv_object_iter_valid(value, iterator) != 0 {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                let key = jv_object_iter_key(value, iterator)
                appendString(key)
                jv_free(key)
                bytes.append(UInt8(ascii: ":"))
                if let problem = write(jv_object_iter_value(value, iterator), level: level + 1) { return problem }
                iterator = jv_object_iter_next(value, iterator)
            }
            bytes.append(UInt8(ascii: "}"))
        default: return .notANumber
        }
        return bytes.count <= Self.mostBytes ? nil : .tooLarge
    }

    /// jq keeps text as valid UTF-8.
    private mutating func appendString(_ value: jv) {
        let count = Int(jv_string_length_bytes(jv_copy(value)))
        JSONText.appendString(validUTF8: UnsafeRawBufferPointer(start: jv_string_value(value), count: count), to: &bytes)
    }

    /// How many members all objects in a value have, which isn't taken over. It must not be nested deeply.
    static func countOfMembers(in value: jv) -> Int {
        var count = 0
        switch jv_get_kind(value) {
        case JV_KIND_ARRAY:
            for index in 0..<jv_array_length(jv_copy(value)) {
                let element = jv_array_get(jv_copy(value), index)
                count += countOfMembers(in: element)
                jv_free(element)
            }
        case JV_KIND_OBJECT:
            var iterator = jv_object_iter(value)
            while jv_object_iter_valid(value, iterator) != 0 {
                let member = jv_object_iter_value(value, iterator)
                count += 1 + countOfMembers(in: member)
                jv_free(member)
                iterator = jv_object_iter_next(value, iterator)
            }
        default: break
        }
        return count
    }
}
