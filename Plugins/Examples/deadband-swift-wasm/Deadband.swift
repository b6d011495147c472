// `deadband`: leaves out records whose number has hardly changed, such as prices that move by less than a tenth of a percent.
//
//   plugins: [{ path: deadband.wasm }]
//   routes: [{ topic: trades, transform: { deadband: { field: price, key: symbol, percent: 0.1 } }, channel: moves }]
//
// Embedded Swift, for WebAssembly. What passes isn't copied. It remembers the last number that passed of up to 10,000 keys; then it
// begins again, and so it does when the router replaces an instance.

private let description = #"""
    {"version":"1.0.0","transformers":[{
      "name":"deadband",
      "summary":"Leaves out records whose number has changed by less than a few percent since the last one that passed.",
      "options":[
        {"name":"field","kind":"string","minimum":1,"required":true,"example":"field: price",
         "documentation":"The field with the number, or with a text that is one."},
        {"name":"percent","kind":"number","minimum":0,"maximum":1000,"default":1,"unit":"percent","example":"percent: 0.1",
         "documentation":"A smaller change is left out."},
        {"name":"key","kind":"string","minimum":1,"example":"key: symbol",
         "documentation":"The field whose values are told apart, each with a last number of its own; all records together without it."}
      ],
      "examples":[
        {"title":"The first number passes","options":{"field":"price"},"input":"{\"price\":\"10.5\"}","data":"{\"price\":\"10.5\"}"},
        {"title":"What is no number is refused","options":{"field":"price"},"input":"{\"price\":\"much\"}",
         "rejected":{"code":"not_a_number","field":"price"}},
        {"title":"So is a record without it","options":{"field":"price"},"input":"{}","rejected":{"code":"not_a_number","field":"price"}}
      ],
      "output":"unchanged"
    }]}
    """#

// MARK: The transformer

final class Deadband {
    private static let mostKeys = 10_000

    private let field: [UInt8]
    private let key: [UInt8]?
    private let share: Double
    private var last: [[UInt8]: Double] = [:]

    /// - Parameter options: what the description allows.
    init?(_ options: UnsafeBufferPointer<UInt8>) {
        var (field, key): ([UInt8]?, [UInt8]?)
        var percent: Double?
        let isObject = Scanner(options).members { name, value in
            if name.elementsEqual("field".utf8) { field = value.text }
            if name.elementsEqual("key".utf8) { key = value.text }
            if name.elementsEqual("percent".utf8) { percent = value.number }
        }
        guard isObject, let field, let percent else { return nil }
        self.field = field
        self.key = key
        share = percent / 100
    }

    func judge(_ value: UnsafeBufferPointer<UInt8>, _ number: UInt32, _ output: UnsafePointer<pb_output>) {
        var found: Double?
        var who: [UInt8] = []
        let isObject = Scanner(value).members { name, value in
            if name == field { found = value.number }
            if let key, name == key { who = value.text }
        }
        guard isObject else {
            // The host says what is wrong with it, if it isn't JSON at all.
            if value.first(where: { !Scanner.isSpace($0) }) == UInt8(ascii: "{") { return pb_emit(output, number, nil, 0) }
            return Self.reject(number, "not_an_object", [], "the value must be a JSON object", output)
        }
        guard let found else {
            return Self.reject(number, "not_a_number", field, "the field must be there, and be a number", output)
        }
        if let before = last[who], (found - before).magnitude < before.magnitude * share || found == before {
            let reason: StaticString = "the number has hardly changed"
            return pb_filter(output, number, reason.characters, reason.length)
        }
        if last.count >= Self.mostKeys, last[who] == nil { last.removeAll(keepingCapacity: true) }
        last[who] = found
        pb_emit(output, number, nil, 0)
    }

    private static func reject(
        _ number: UInt32, _ code: StaticString, _ field: [UInt8], _ text: StaticString, _ output: UnsafePointer<pb_output>
    ) {
        field.withUnsafeBytes { name in
            pb_reject(
                output, number, code.characters, code.length, name.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(name.count),
                text.characters, text.length)
        }
    }
}

extension StaticString {
    fileprivate var characters: UnsafePointer<CChar> { UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self) }
    fileprivate var length: UInt32 { UInt32(utf8CodeUnitCount) }
}

// MARK: JSON

/// A value as it is written.
struct Value {
    private let bytes: Slice<UnsafeBufferPointer<UInt8>>

    init(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) { self.bytes = bytes }

    private var isText: Bool { bytes.first == UInt8(ascii: "\"") }

    /// A string without quotes and escapes, or anything else as it is written.
    var text: [UInt8] { isText ? Scanner.plain(bytes.dropFirst().dropLast()) : Array(bytes) }

    /// `nil` for what is none. Good for comparing: not each digit counts.
    var number: Double? {
        var digits = isText ? bytes.dropFirst().dropLast() : bytes
        func take(_ character: Unicode.Scalar) -> Bool {
            guard digits.first == UInt8(ascii: character) else { return false }
            digits = digits.dropFirst()
            return true
        }
        func takeDigits(_ each: (Double) -> Void) -> Bool {
            let count = digits.count
            while let digit = digits.first, (0x30...0x39).contains(digit) {
                each(Double(digit - 0x30))
                digits = digits.dropFirst()
            }
            return digits.count < count
        }
        let isNegative = take("-")
        var (result, exponent) = (0.0, 0)
        guard takeDigits({ result = result * 10 + $0 }) else { return nil }
        if take(".") {
            guard takeDigits({ (result, exponent) = (result * 10 + $0, exponent - 1) }) else { return nil }
        }
        if take("e") || take("E") {
            let isSmall = take("-")
            if !isSmall { _ = take("+") }
            var power = 0
            guard takeDigits({ power = min(power * 10 + Int($0), 1000) }) else { return nil }
            exponent += isSmall ? -power : power
        }
        guard digits.isEmpty else { return nil }
        for _ in 0..<min(exponent.magnitude, 1000) { result = exponent < 0 ? result / 10 : result * 10 }
        guard result.isFinite else { return nil }
        return isNegative ? -result : result
    }
}

/// The members of an object. What it lets through and isn't JSON, the host refuses.
struct Scanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Calls `body` for each member.
    ///
    /// - Returns: whether it is an object.
    func members(_ body: ([UInt8], Value) -> Void) -> Bool {
        var copy = self
        return copy.object(body)
    }

    private mutating func object(_ body: ([UInt8], Value) -> Void) -> Bool {
        guard take("{") else { return false }
        if take("}") { return isAtEnd }
        repeat {
            skipSpace()
            let name = place
            guard skipString() else { return false }
            let end = place
            guard take(":") else { return false }
            skipSpace()
            let start = place
            guard skipValue() else { return false }
            body(Self.plain(bytes[name + 1..<end - 1]), Value(bytes[start..<place]))
        } while take(",")
        return take("}") && isAtEnd
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

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

    private mutating func skipString() -> Bool {
        guard take("\"") else { return false }
        while place < bytes.count, bytes[place] != UInt8(ascii: "\"") { place += bytes[place] == UInt8(ascii: "\\") ? 2 : 1 }
        guard place < bytes.count else { return false }
        place += 1
        return true
    }

    /// To the comma or bracket behind it.
    private mutating func skipValue() -> Bool {
        var depth = 0
        let start = place
        while place < bytes.count {
            let byte = bytes[place]
            switch byte {
            case UInt8(ascii: "\""):
                guard skipString() else { return false }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return place > start }
                depth -= 1
            case UInt8(ascii: ",") where depth == 0: return place > start
            default: if depth == 0, Self.isSpace(byte) { return place > start }
            }
            place += 1
        }
        return false
    }

    /// A string's content without escapes.
    static func plain(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8] {
        guard bytes.contains(UInt8(ascii: "\\")) else { return Array(bytes) }
        var (result, rest): ([UInt8], Slice<UnsafeBufferPointer<UInt8>>) = ([], bytes)
        func unit() -> UInt32? {
            guard rest.count >= 4 else { return nil }
            var unit: UInt32 = 0
            for byte in rest.prefix(4) {
                switch byte {
                case 0x30...0x39: unit = unit << 4 + UInt32(byte - 0x30)
                case 0x41...0x46, 0x61...0x66: unit = unit << 4 + UInt32(byte & 0x0F + 9)
                default: return nil
                }
            }
            rest = rest.dropFirst(4)
            return unit
        }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                result.append(byte)
                continue
            }
            switch escaped {
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "u"):
                var number = unit() ?? 0xFFFD
                if (0xD800..<0xDC00).contains(number), rest.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
                    rest = rest.dropFirst(2)
                    let low = unit() ?? 0
                    if (0xDC00..<0xE000).contains(low) { number = 0x10000 + (number - 0xD800) << 10 + (low - 0xDC00) }
                }
                let scalar = Unicode.Scalar(number) ?? "\u{FFFD}"
                result.append(contentsOf: scalar.utf8)
            default: result.append(escaped)
            }
        }
        return result
    }
}

// MARK: The interface

/// Made once, and never freed.
private nonisolated(unsafe) let described: UnsafePointer<pb_bytes> = {
    let text = Array(description.utf8)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: text.count)
    bytes.initialize(from: text, count: text.count)
    let result = UnsafeMutablePointer<pb_bytes>.allocate(capacity: 1)
    result.initialize(to: pb_bytes(data: pb_address(at: bytes), length: UInt32(text.count), present: 1))
    return UnsafePointer(result)
}()

@c(patchbay_abi)
public func abi() -> UInt32 { 1 }

@c(patchbay_describe)
public func describe() -> UnsafePointer<pb_bytes>? { described }

@c(patchbay_create)
public func create(
    _ transformer: UInt32, _ options: UnsafePointer<pb_bytes>?, _ output: UnsafePointer<pb_output>?
) -> UnsafeMutableRawPointer? {
    guard let output else { return nil }
    guard transformer == 0, let options, let deadband = Deadband(options.pointee.buffer) else {
        let reason: StaticString = "`field` and `percent` are needed"
        pb_log(output, 3, reason.characters, reason.length)
        return nil
    }
    return Unmanaged.passRetained(deadband).toOpaque()
}

@c(patchbay_process)
public func process(
    _ instance: UnsafeMutableRawPointer?, _ batch: UnsafePointer<pb_batch>?, _ output: UnsafePointer<pb_output>?
) -> Int32 {
    guard let instance, let batch, let output else { return 1 }
    let deadband = Unmanaged<Deadband>.fromOpaque(instance).takeUnretainedValue()
    for number in 0..<batch.pointee.count {
        guard let record = pb_record_at(batch, number) else { return 1 }
        deadband.judge(record.pointee.value.buffer, number, output)
    }
    return 0
}

@c(patchbay_destroy)
public func destroy(_ instance: UnsafeMutableRawPointer?) {
    if let instance { Unmanaged<Deadband>.fromOpaque(instance).release() }
}

extension pb_bytes {
    fileprivate var buffer: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: present == 0 ? nil : data.at, count: present == 0 ? 0 : Int(length))
    }
}
