/// What other languages write in regular expressions and POSIX reads otherwise, mostly without an error: `\d` is a plain
/// `d`, and `+?` repeats what `+` repeats, or nothing.
enum PerlSyntax {
    /// What is wrong with an expression; `nil` when it means what it seems to mean.
    static func objection(_ bytes: [UInt8]) -> NameRules.Objection? {
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\"):
                index += 1
                if index < bytes.count, let objection = escape(bytes[index]) { return objection }
            case UInt8(ascii: "["):
                let end = PatternRules.endOfSet(bytes, at: index)
                if let objection = escape(in: bytes[index..<end]) { return objection }
                index = end
            case UInt8(ascii: "("):
                if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "?") {
                    return problem("must not have groups that begin with `(?`", "POSIX has only `( )`: no options, names or look-arounds")
                }
            case UInt8(ascii: "+"), UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "}"):
                if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "?") || bytes[index + 1] == UInt8(ascii: "+"), index > 0 {
                    let sign = String(decoding: bytes[index...(index + 1)], as: UTF8.self)
                    return problem(
                        "must not repeat twice (`\(sign)`)",
                        "POSIX has no lazy or possessive repetition, and whether a topic matches doesn't depend on it: leave out the second sign"
                    )
                }
            default: break
            }
            index += 1
        }
        return nil
    }

    private static func escape(_ letter: UInt8) -> NameRules.Objection? {
        let shown = "`\\\(String(decoding: [letter], as: UTF8.self))`"
        switch letter {
        case UInt8(ascii: "d"): return problem("must not use \(shown), which POSIX treats as a plain `d`", "write `[0-9]`")
        case UInt8(ascii: "D"): return problem("must not use \(shown), which POSIX treats as a plain `D`", "write `[^0-9]`")
        // What the C library knows besides POSIX.
        case UInt8(ascii: "w"), UInt8(ascii: "W"), UInt8(ascii: "s"), UInt8(ascii: "S"), UInt8(ascii: "b"), UInt8(ascii: "B"):
            return nil
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
            return problem(
                "must not use \(shown), which POSIX treats as a plain letter",
                "write sets such as `[A-Za-z0-9_]`, and `^` and `$` for the ends")
        default: return nil
        }
    }

    /// In a set a backslash is one of its characters.
    private static func escape(in set: ArraySlice<UInt8>) -> NameRules.Objection? {
        for (byte, next) in zip(set, set.dropFirst()) where byte == UInt8(ascii: "\\") {
            let letter = next | 0x20
            guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter) else { continue }
            return problem(
                "must not use `\\` inside `[ ]`, where POSIX treats it as a backslash",
                "write `0-9` for digits, `A-Za-z0-9_` for word characters")
        }
        return nil
    }

    private static func problem(_ problem: String, _ hint: String) -> NameRules.Objection { NameRules.Objection(problem, hint) }
}
