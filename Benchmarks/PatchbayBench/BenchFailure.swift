import CLoad

/// Why a benchmark couldn't be run, as opposed to a bar that was missed.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    init(_ error: cload_error) {
        var error = error
        self.description = withUnsafeBytes(of: &error.text) { string(in: $0) }
    }
}

/// The text up to the first NUL of a C array of characters.
func string(in bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
}
