/// A jq expression cut into its words and signs, as jq 1.6 cuts it.
///
/// Thread: any. Immutable.
struct JQTokens {
    enum Token: Equatable {
        /// `.name`
        case field(String)
        /// A keyword or the name of a function.
        case word(String)
        /// As written.
        case number(String)
        /// A string, or a part of one around an interpolation. Escapes stand as they were written.
        case text(String, isWhole: Bool)
        /// Anything else: brackets, operators, `$name`, `@format`.
        case sign(String)
    }

    private(set) var tokens: [Token] = []
    /// For each token: whether it is a key of an object that is being built, or a shorthand for one.
    private(set) var keys: Set<Int> = []
    /// Whether every bracket and string is closed, so that the expression can stand in brackets among others.
    private(set) var isBalanced = true

    /// Brackets that are open, `"` for an interpolation.
    private var open: [UInt8] = []
    private let bytes: [UInt8]
    private var index = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
        while index < bytes.count { readToken() }
        if !open.isEmpty { isBalanced = false }
        // C ends the text there.
        if bytes.contains(0) { isBalanced = false }
    }

    private mutating func readToken() {
        let byte = bytes[index]
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\r"): index += 1
        case UInt8(ascii: "#"): _ = take { $0 != UInt8(ascii: "\n") }
        case UInt8(ascii: "\""):
            index += 1
            readString(isStart: true)
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"):
            open.append(byte)
            readSign(1)
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): readClosing(byte)
        case UInt8(ascii: "@"): readSign(1 + bytes[(index + 1)...].prefix(while: \.isWordByte).count)
        case _ where byte.isWordStart: readWord()
        case _ where byte.isDigit || (byte == UInt8(ascii: ".") && peek(1)?.isDigit == true): readNumber()
        case UInt8(ascii: ".") where peek(1)?.isWordStart == true:
            index += 1
            tokens.append(.field(take(\.isWordByte)))
        default: readSign(Self.signs.first { bytes[index...].starts(with: $0) }?.count ?? 1)
        }
    }

    /// Operators of several signs, the longest first.
    private static let signs = ["?//", "//=", "==", "!=", "<=", ">=", "//", "|=", "+=", "-=", "*=", "/=", "%=", ".."].map {
        Array($0.utf8)
    }

    private func peek(_ distance: Int) -> UInt8? { index + distance < bytes.count ? bytes[index + distance] : nil }

    private mutating func take(_ isWanted: (UInt8) -> Bool) -> String {
        let taken = bytes[index...].prefix(while: isWanted)
        index += taken.count
        return String(decoding: taken, as: UTF8.self)
    }

    private mutating func readSign(_ length: Int) {
        let end = min(index + length, bytes.count)
        tokens.append(.sign(String(decoding: bytes[index..<end], as: UTF8.self)))
        index = end
    }

    private mutating func readWord() {
        var word = take(\.isWordByte)
        while peek(0) == UInt8(ascii: ":"), peek(1) == UInt8(ascii: ":"), peek(2)?.isWordStart == true {
            index += 2
            word += "::" + take(\.isWordByte)
        }
        if open.last == UInt8(ascii: "{"), tokens.last == .sign("{") || tokens.last == .sign(",") {
            keys.insert(tokens.count)
        }
        if tokens.last == .sign("$") {
            tokens[tokens.count - 1] = .sign("$" + word)
        } else {
            tokens.append(.word(word))
        }
    }

    private mutating func readNumber() {
        var number = take(\.isDigit)
        if peek(0) == UInt8(ascii: ".") {
            index += 1
            number += "." + take(\.isDigit)
        }
        if let letter = peek(0), letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E") {
            let sign = peek(1) == UInt8(ascii: "-") || peek(1) == UInt8(ascii: "+") ? 1 : 0
            if peek(1 + sign)?.isDigit == true {
                number += String(decoding: bytes[index...(index + sign)], as: UTF8.self)
                index += 1 + sign
                number += take(\.isDigit)
            }
        }
        tokens.append(.number(number))
    }

    private mutating func readClosing(_ byte: UInt8) {
        let opened = open.popLast()
        readSign(1)
        switch (opened, byte) {
        case (UInt8(ascii: "("), UInt8(ascii: ")")), (UInt8(ascii: "["), UInt8(ascii: "]")),
            (UInt8(ascii: "{"), UInt8(ascii: "}")):
            break
        case (UInt8(ascii: "\""), UInt8(ascii: ")")): readString(isStart: false)
        default: isBalanced = false
        }
    }

    /// Up to the closing quote or the next interpolation.
    private mutating func readString(isStart: Bool) {
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                tokens.append(.text(String(decoding: bytes[start..<index], as: UTF8.self), isWhole: isStart))
                index += 1
                return
            case UInt8(ascii: "\\") where peek(1) == UInt8(ascii: "("):
                tokens.append(.text(String(decoding: bytes[start..<index], as: UTF8.self), isWhole: false))
                open.append(UInt8(ascii: "\""))
                index += 1
                readSign(1)
                return
            case UInt8(ascii: "\\"): index = min(index + 2, bytes.count)
            default: index += 1
            }
        }
        isBalanced = false
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    fileprivate var isWordStart: Bool {
        let lower = self | 0x20
        return (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")) || self == UInt8(ascii: "_")
    }
    fileprivate var isWordByte: Bool { isWordStart || isDigit }
}
