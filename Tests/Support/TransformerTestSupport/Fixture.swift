import Glibc

/// Files beside the plugins.
public enum Fixture {
    /// The lines of `Plugins/<plugin>/Fixtures/<name>`, without empty ones.
    public static func lines(_ plugin: String, _ name: String, from test: String = #filePath) throws -> [String] {
        let root = test.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let path = "\(root)/Plugins/\(plugin)/Fixtures/\(name)"
        guard let file = fopen(path, "rb") else { throw FixtureError(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

public struct FixtureError: Error {
    public let path: String
}
