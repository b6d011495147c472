/// One line of a `rejected.jsonl`: `{"code":"…","field":"…","record":…}`, cut without a JSON parser, since the record may
/// be anything and must stay as it is written.
public struct RejectedFixture: Sendable, CustomStringConvertible {
    public let code: String
    public let field: String?
    public let record: String

    public var description: String { "\(code) \(field ?? "-"): \(record)" }

    public init(line: String) throws {
        let marks = [#"{"code":""#, #"","field":"#, #","record":"#]
        var rest = Substring(line)
        var parts: [Substring] = []
        for mark in marks {
            guard let range = Self.range(of: mark, in: rest) else { throw FixtureError(path: line) }
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        code = String(parts[1])
        field = parts[2] == "null" ? nil : String(parts[2].dropFirst().dropLast())
        record = String(rest.dropLast())
    }

    private static func range(of mark: String, in text: Substring) -> Range<Substring.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(mark) { return start..<text.index(start, offsetBy: mark.count) }
            start = text.index(after: start)
        }
        return nil
    }
}
