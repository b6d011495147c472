// `lookup`: adds to each record what a table knows about it, such as a customer's name by the customer's number.
//
//   plugins: [{ path: lookup.so }]
//   routes:
//     - topic: orders
//       transform: { lookup: { table: customers.csv, field: customer } }
//       channel: orders
//
// The table is a CSV file with a header line; its first column is what `field` is looked up in, and the other columns are added to
// the record under their names, as texts. It is read when an instance is made.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

private let description = #"""
    {"version":"1.0.0","transformers":[{
      "name":"lookup",
      "summary":"Adds what a table knows about a record, by one of its fields.",
      "options":[
        {"name":"table","kind":"string","required":true,"example":"table: /data/customers.csv",
         "documentation":"CSV file with a header line, relative to the router's directory. Its first column is looked up."},
        {"name":"field","kind":"string","required":true,"example":"field: customer",
         "documentation":"Field of the record, a text or a number, that is looked up in the first column."},
        {"name":"missing","kind":"choice","choices":["pass","filter","reject"],"default":"pass","example":"missing: reject",
         "documentation":"What happens to a record that the table doesn't know, or that lacks the field: `pass` leaves it as it is."}
      ]
    }]}
    """#

// MARK: The interface

@c(patchbay_abi)
public func abi() -> UInt32 { 1 }

/// Made once, and never freed.
private nonisolated(unsafe) let described: UnsafePointer<pb_bytes> = {
    let text = Array(description.utf8)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: text.count)
    bytes.initialize(from: text, count: text.count)
    let result = UnsafeMutablePointer<pb_bytes>.allocate(capacity: 1)
    result.initialize(to: pb_bytes(data: pb_address(at: bytes), length: UInt32(text.count), present: 1))
    return UnsafePointer(result)
}()

@c(patchbay_describe)
public func describe() -> UnsafePointer<pb_bytes>? { described }

@c(patchbay_create)
public func create(
    _ transformer: UInt32, _ options: UnsafePointer<pb_bytes>?, _ output: UnsafePointer<pb_output>?
) -> UnsafeMutableRawPointer? {
    guard transformer == 0, let options, let output else { return nil }
    do {
        return Unmanaged.passRetained(try Lookup(options.pointee.buffer)).toOpaque()
    } catch {
        let text = Array(error.sentence.utf8)
        text.withUnsafeBytes { pb_log(output, 3, $0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32($0.count)) }
        return nil
    }
}

@c(patchbay_process)
public func process(
    _ instance: UnsafeMutableRawPointer?, _ batch: UnsafePointer<pb_batch>?, _ output: UnsafePointer<pb_output>?
) -> Int32 {
    guard let instance, let batch, let output else { return 1 }
    let lookup = Unmanaged<Lookup>.fromOpaque(instance).takeUnretainedValue()
    for number in 0..<batch.pointee.count {
        guard let record = pb_record_at(batch, number) else { return 1 }
        lookup.judge(record.pointee, number, output)
    }
    return 0
}

@c(patchbay_destroy)
public func destroy(_ instance: UnsafeMutableRawPointer?) {
    if let instance { Unmanaged<Lookup>.fromOpaque(instance).release() }
}

extension pb_bytes {
    var buffer: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: present == 0 ? nil : data.at, count: present == 0 ? 0 : Int(length))
    }
}

// MARK: The transformer

struct LookupError: Error {
    var sentence: String
}

final class Lookup {
    private enum Missing: String { case pass, filter, reject }

    private let field: [UInt8]
    private let missing: Missing
    /// What is added to a record, by the bytes of the first column: `,"name":"…","city":"…"`.
    private var rows: [[UInt8]: [UInt8]] = [:]
    private var columns: [[UInt8]] = []
    private var out: [UInt8] = []

    init(_ options: UnsafeBufferPointer<UInt8>) throws(LookupError) {
        guard let members = Scanner(options).members() else { throw LookupError(sentence: "the options are no JSON object") }
        func option(_ name: String) -> String? {
            members.last { $0.name.elementsEqual(name.utf8) }.map { String(decoding: $0.text, as: UTF8.self) }
        }
        guard let table = option("table"), let field = option("field") else {
            throw LookupError(sentence: "`table` and `field` are needed")
        }
        self.field = Array(field.utf8)
        missing = option("missing").flatMap { Missing(rawValue: $0) } ?? .pass
        let lines = try Self.lines(of: table)
        guard let header = lines.first, header.count >= 2 else {
            throw LookupError(sentence: "\(table) needs a header line with two columns or more")
        }
        columns = header.dropFirst().map { $0 }
        for line in lines.dropFirst() {
            guard line.count == header.count, let key = line.first else {
                throw LookupError(sentence: "\(table) has a line with \(line.count) columns, and its header has \(header.count)")
            }
            var added: [UInt8] = []
            for (column, value) in zip(columns, line.dropFirst()) {
                added.append(UInt8(ascii: ","))
                Self.append(column, to: &added)
                added.append(UInt8(ascii: ":"))
                Self.append(value, to: &added)
            }
            guard rows.updateValue(added, forKey: key) == nil else {
                throw LookupError(sentence: "\(table) has two lines for \(String(decoding: key, as: UTF8.self))")
            }
        }
    }

    func judge(_ record: pb_record, _ number: UInt32, _ output: UnsafePointer<pb_output>) {
        let value = record.value.buffer
        guard let members = Scanner(value).members() else {
            // The host says what is wrong with it, if it isn't JSON at all.
            if value.first(where: { !Scanner.isSpace($0) }) == UInt8(ascii: "{") { return pb_emit(output, number, nil, 0) }
            return reject(number, "not_an_object", "the value must be a JSON object", output)
        }
        guard let found = members.last(where: { $0.name == field }), found.isTextOrNumber, let row = rows[found.text] else {
            switch missing {
            case .pass: return pb_emit(output, number, nil, 0)
            case .filter:
                let reason = Array("the table has nothing about it".utf8)
                return reason.withUnsafeBytes {
                    pb_filter(output, number, $0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32($0.count))
                }
            case .reject: return reject(number, "not_in_table", "the table has nothing about this record", output)
            }
        }
        if let taken = members.first(where: { member in columns.contains(member.name) }) {
            return reject(number, "duplicate_field", "the record has a field of a column already", field: taken.name, output)
        }
        guard let end = value.lastIndex(of: UInt8(ascii: "}")) else { return pb_emit(output, number, nil, 0) }
        out.removeAll(keepingCapacity: true)
        out.append(contentsOf: value[..<end])
        out.append(contentsOf: row)
        out.append(UInt8(ascii: "}"))
        out.withUnsafeBytes { pb_emit(output, number, $0.baseAddress, UInt32($0.count)) }
    }

    private func reject(
        _ number: UInt32, _ code: StaticString, _ text: StaticString, field: [UInt8] = [], _ output: UnsafePointer<pb_output>
    ) {
        func characters(_ text: StaticString) -> UnsafePointer<CChar> {
            UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
        }
        field.withUnsafeBytes { name in
            pb_reject(
                output, number, characters(code), UInt32(code.utf8CodeUnitCount),
                name.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(name.count), characters(text), UInt32(text.utf8CodeUnitCount))
        }
    }

    // MARK: The table

    private static func lines(of path: String) throws(LookupError) -> [[[UInt8]]] {
        guard let file = fopen(path, "rbe") else { throw LookupError(sentence: "can't read \(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&part, 1, part.count, file)
            if count == 0 { break }
            bytes += part[..<count]
        }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw LookupError(sentence: "\(path) is not UTF-8") }
        return table(bytes)
    }

    /// RFC 4180: fields between commas; one in quotes may hold commas, line breaks and, doubled, quotes.
    private static func table(_ bytes: [UInt8]) -> [[[UInt8]]] {
        var lines: [[[UInt8]]] = []
        var line: [[UInt8]] = []
        var cell: [UInt8] = []
        var isQuoted = false
        var index = 0
        func next() -> UInt8? { index + 1 < bytes.count ? bytes[index + 1] : nil }
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\"") where isQuoted && next() == UInt8(ascii: "\""):
                cell.append(byte)
                index += 1
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: ",") where !isQuoted:
                line.append(cell)
                cell = []
            case UInt8(ascii: "\r") where !isQuoted && next() == UInt8(ascii: "\n"): break
            case UInt8(ascii: "\n") where !isQuoted:
                if !line.isEmpty || !cell.isEmpty { lines.append(line + [cell]) }
                (line, cell) = ([], [])
            default: cell.append(byte)
            }
            index += 1
        }
        if !line.isEmpty || !cell.isEmpty { lines.append(line + [cell]) }
        return lines
    }

    private static func append(_ text: [UInt8], to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                json += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }
}

// MARK: JSON

/// The members of an object, as far as `lookup` needs them. The host refuses what this lets through and isn't JSON.
struct Scanner {
    struct Member {
        /// Without escapes.
        var name: [UInt8]
        /// A string without escapes, or anything else as it is written.
        var text: [UInt8]
        var isTextOrNumber: Bool
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// `nil` when it is no object.
    func members() -> [Member]? {
        var copy = self
        return copy.object()
    }

    private mutating func object() -> [Member]? {
        var members: [Member] = []
        guard take("{") else { return nil }
        if take("}") { return isAtEnd ? members : nil }
        repeat {
            guard let name = string(), take(":") else { return nil }
            skipSpace()
            let start = place
            if place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
                guard let text = string() else { return nil }
                members.append(Member(name: name, text: text, isTextOrNumber: true))
            } else {
                guard skipValue() else { return nil }
                let text = Array(bytes[start..<place])
                members.append(Member(name: name, text: text, isTextOrNumber: text.first.map { $0 < 0x3A } ?? false))
            }
        } while take(",")
        return take("}") && isAtEnd ? members : nil
    }

    private var isAtEnd: Bool { bytes[place...].allSatisfy(Self.isSpace) }

    private mutating func skipSpace() {
        while place < bytes.count, Self.isSpace(bytes[place]) { place += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard place < bytes.count, bytes[place] == UInt8(ascii: character) else { return false }
        place += 1
        return true
    }

    /// Anything but a string, to the comma or bracket behind it.
    private mutating func skipValue() -> Bool {
        var depth = 0
        let start = place
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                if string() == nil { return false }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return place > start }
                depth -= 1
            case UInt8(ascii: ",") where depth == 0: return place > start
            case let byte where Self.isSpace(byte) && depth == 0: return place > start
            default: break
            }
            place += 1
        }
        return false
    }

    /// A string without quotes and escapes.
    private mutating func string() -> [UInt8]? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return text
            case UInt8(ascii: "\\"):
                guard let escaped = escape() else { return nil }
                text += escaped
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> [UInt8]? {
        guard place < bytes.count else { return nil }
        place += 1
        switch bytes[place - 1] {
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "u"):
            guard var scalar = codeUnit() else { return nil }
            if (0xD800..<0xDC00).contains(scalar), bytes[place...].starts(with: "\\u".utf8) {
                place += 2
                guard let low = codeUnit(), (0xDC00..<0xE000).contains(low) else { return nil }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            return Array(String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
        case let byte: return [byte]
        }
    }

    private mutating func codeUnit() -> UInt32? {
        guard place + 4 <= bytes.count else { return nil }
        let digits = String(decoding: bytes[place..<place + 4], as: UTF8.self)
        place += 4
        return UInt32(digits, radix: 16)
    }
}
