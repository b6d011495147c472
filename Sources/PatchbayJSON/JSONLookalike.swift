/// What a text that isn't JSON looks like, for people who wonder why it is refused. Asked once parsing has failed, so that
/// it costs nothing on the accepting path.
enum JSONLookalike {
    /// - Parameter isValid: whether a part of the text is JSON; it may forget the failure that is being explained.
    static func problem(
        _ text: UnsafeRawBufferPointer, isValid: (UnsafeRawBufferPointer) -> Bool
    ) -> JSONProblem? {
        binary(text) ?? severalDocuments(text, isValid) ?? wordForNumber(text)
    }

    // MARK: Formats that begin with bytes of their own

    /// Bytes that compressed data begins with (RFC 1952; RFC 8878; the frame formats of LZ4 and Snappy).
    private static let compressions: [(name: String, start: [UInt8])] = [
        ("gzip", [0x1F, 0x8B]), ("zstd", [0x28, 0xB5, 0x2F, 0xFD]), ("LZ4", [0x04, 0x22, 0x4D, 0x18]),
        ("Snappy", [0xFF, 0x06, 0x00, 0x00, 0x73, 0x4E, 0x61, 0x50]),
    ]

    private static func binary(_ text: UnsafeRawBufferPointer) -> JSONProblem? {
        if text.starts(with: "Obj\u{1}".utf8) {
            return JSONProblem(
                code: .avroFile,
                explanation: "the value is an Avro file (it begins with `Obj` and 1), and only JSON can be routed; have the "
                    + "producer write JSON")
        }
        if let compression = compressions.first(where: { text.starts(with: $0.start) }) {
            return JSONProblem(
                code: .compressedValue,
                explanation: "the value is compressed with \(compression.name); leave compression to Kafka "
                    + "(`compression.type` of the producer), which is undone before records get here")
        }
        // Magic byte 0 and the schema's number in four bytes, the highest first.
        guard text.count > 5, text[0] == 0 else { return nil }
        let schema = text[1..<5].reduce(0) { $0 << 8 | Int($1) }
        let isJSON = text[5] == UInt8(ascii: "{") || text[5] == UInt8(ascii: "[")
        return JSONProblem(
            code: .schemaRegistryPrefix,
            explanation: "the value begins with the 5 bytes of a schema registry (0 and the schema's number, here \(schema)), "
                + (isJSON
                    ? "with JSON behind them; have the producer use a plain JSON serializer, not the registry's"
                    : "so it is probably Avro or Protobuf, and only JSON can be routed; have the producer write plain JSON"))
    }

    // MARK: Nearly JSON

    private static func severalDocuments(
        _ text: UnsafeRawBufferPointer, _ isValid: (UnsafeRawBufferPointer) -> Bool
    ) -> JSONProblem? {
        guard let start = text.firstIndex(where: { !isSpace($0) }),
            text[start] == UInt8(ascii: "{") || text[start] == UInt8(ascii: "["), let end = endOfContainer(text, from: start),
            let next = text[end...].firstIndex(where: { !isSpace($0) }), begins(text[next]),
            isValid(UnsafeRawBufferPointer(rebasing: text[..<end]))
        else { return nil }
        return JSONProblem(
            code: .invalidJSON,
            explanation: "the record holds several JSON documents, the second from byte \(next) on, and a record must be one; "
                + "have the producer send a record for each, or one array")
    }

    /// The index behind the bracket that closes the first one.
    private static func endOfContainer(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var depth = 0
        for (index, byte) in bytesOutsideOfStrings(text, from: start) {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return index + 1 }
            default: break
            }
        }
        return nil
    }

    /// Whether a value may begin with this byte.
    private static func begins(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "-"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            true
        default: false
        }
    }

    private static func wordForNumber(_ text: UnsafeRawBufferPointer) -> JSONProblem? {
        for (index, byte) in bytesOutsideOfStrings(text, from: 0) where byte == UInt8(ascii: "N") || byte == UInt8(ascii: "I") {
            let rest = text[index...]
            guard let word = ["NaN", "Infinity"].first(where: { rest.starts(with: $0.utf8) }) else { continue }
            if index > 0, isWordByte(text[index - 1]) { continue }
            let end = index + word.utf8.count
            if end < text.count, isWordByte(text[end]) { continue }
            return JSONProblem(
                code: .invalidJSON,
                explanation: "the text holds `\(word)` at byte \(index), and JSON has no such number; have the producer write "
                    + "null or text, or leave the field out")
        }
        return nil
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "_")
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func bytesOutsideOfStrings(
        _ text: UnsafeRawBufferPointer, from start: Int
    ) -> some Sequence<(index: Int, byte: UInt8)> {
        var index = start
        return AnyIterator {
            while index < text.count, text[index] == UInt8(ascii: "\"") {
                index += 1
                while index < text.count, text[index] != UInt8(ascii: "\"") {
                    index += text[index] == UInt8(ascii: "\\") ? 2 : 1
                }
                index += 1
            }
            guard index < text.count else { return nil }
            defer { index += 1 }
            return (index, text[index])
        }
    }
}
