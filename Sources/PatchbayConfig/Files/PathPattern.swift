import PatchbayAPI

/// A path with `*`, `?` and `[…]` in its parts (see `NamePattern`), and the files that match it.
struct PathPattern {
    /// Names looked at, so that no pattern walks a whole disk.
    static let nameLimit = 100_000

    enum Problem: Error, Equatable {
        /// More than `nameLimit` names would have to be looked at.
        case tooManyNames
    }

    private let path: String

    /// `nil` for a path without wildcards.
    init?(_ path: String) {
        guard path.utf8.contains(where: { [0x2A, 0x3F, 0x5B].contains($0) }) else { return nil }
        self.path = path
    }

    /// The paths that match, in order. Directories that were looked into are remembered by `files`.
    func matches(_ files: LoadedFiles) throws(Problem) -> [String] {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        let firstWild = parts.firstIndex { PathPattern(String($0)) != nil } ?? parts.endIndex
        let root = path.hasPrefix("/") ? "/" : ""
        var found = [root + parts[..<firstWild].joined(separator: "/")]
        var remaining = Self.nameLimit
        for part in parts[firstWild...] {
            let name = NamePattern(String(part))
            var next: [String] = []
            for directory in found {
                // One more than allowed tells that there are more.
                let names = files.names(in: directory.isEmpty ? "." : directory, limit: remaining + 1) ?? []
                remaining -= names.count
                guard remaining >= 0 else { throw .tooManyNames }
                let prefix = directory.isEmpty || directory == "/" ? directory : directory + "/"
                next += names.filter(name.matches).map { prefix + $0 }
            }
            found = next
        }
        return found.sortedByBytes()
    }
}

/// One part of a path pattern: `*` is any run of characters, `?` any one, `[a-z]` one of these, `[!a-z]` one of the others.
/// A leading `.` is matched only by one that is written, which leaves out hidden files and what Kubernetes keeps beside
/// those of a mounted map (`..data`).
package struct NamePattern {
    private enum Token: Equatable {
        case character(Unicode.Scalar)
        case any
        case anyRun
        case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    private let tokens: [Token]
    private let startsWithDot: Bool

    package init(_ text: String) {
        let text = Array(text.unicodeScalars)
        var tokens: [Token] = []
        var index = 0
        while index < text.count {
            switch text[index] {
            case "*": tokens.append(.anyRun)
            case "?": tokens.append(.any)
            case "[":
                // A bracket that is never closed stands for itself.
                guard let (set, end) = Self.set(text, after: index) else { fallthrough }
                tokens.append(set)
                index = end
            default: tokens.append(.character(text[index]))
            }
            index += 1
        }
        self.tokens = tokens
        startsWithDot = text.first == "."
    }

    /// The index is that of the closing bracket.
    private static func set(_ text: [Unicode.Scalar], after start: Int) -> (Token, Int)? {
        var index = start + 1
        let isNegated = index < text.count && text[index] == "!"
        if isNegated { index += 1 }
        let first = index
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        while index < text.count {
            if text[index] == "]" && index > first { return (.set(ranges, isNegated: isNegated), index) }
            if index + 2 < text.count, text[index + 1] == "-", text[index + 2] != "]", text[index] <= text[index + 2] {
                ranges.append(text[index]...text[index + 2])
                index += 3
            } else {
                ranges.append(text[index]...text[index])
                index += 1
            }
        }
        return nil
    }

    package func matches(_ name: String) -> Bool {
        let name = Array(name.unicodeScalars)
        guard name.first != "." || startsWithDot else { return false }
        var (token, place) = (0, 0)
        var lastRun: (token: Int, place: Int)?
        // Going back to the last run only keeps this from taking exponential time.
        while place < name.count {
            if token < tokens.count, tokens[token] == .anyRun {
                lastRun = (token, place)
                token += 1
            } else if token < tokens.count, Self.takes(tokens[token], name[place]) {
                token += 1
                place += 1
            } else if let run = lastRun {
                lastRun = (run.token, run.place + 1)
                (token, place) = (run.token + 1, run.place + 1)
            } else {
                return false
            }
        }
        return tokens[token...].allSatisfy { $0 == .anyRun }
    }

    private static func takes(_ token: Token, _ scalar: Unicode.Scalar) -> Bool {
        switch token {
        case .character(let wanted): wanted == scalar
        case .any: true
        case .anyRun: false
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
        }
    }
}
