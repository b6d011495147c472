import Glibc

/// The absolute path of this program.
func ownPath() throws(BenchFailure) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    guard length > 0 else { throw BenchFailure("can't find this program's own path in /proc/self/exe") }
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// A temporary folder, removed with the files in it when this goes out of scope.
struct WorkFolder: ~Copyable {
    let path: String
    let isKept: Bool

    init(isKept: Bool) throws(BenchFailure) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/patchbay-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchFailure("can't make a temporary folder in \(parent)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.isKept = isKept
    }

    deinit {
        if isKept {
            print("kept: \(path)")
        } else {
            for name in ["routes.yaml", "server.log", "floor.log", "bare.log", "bare.histogram"] { unlink("\(path)/\(name)") }
            rmdir(path)
        }
    }
}

func writeFile(_ path: String, _ text: String) throws(BenchFailure) {
    guard let file = fopen(path, "w") else { throw BenchFailure("can't write \(path)") }
    let isWritten = fputs(text, file) >= 0
    guard fclose(file) == 0, isWritten else { throw BenchFailure("can't write \(path)") }
}

/// The whole file, or its last `limit` bytes; empty when it can't be read.
func readFile(_ path: String, limit: Int = 1 << 20) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let length = ftell(file)
    fseek(file, max(0, length - limit), SEEK_SET)
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = fread(&bytes, 1, limit, file)
    return String(decoding: bytes.prefix(count), as: UTF8.self)
}
