import PatchbayDelivery

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the kernel says about this process (proc(5)). What can't be read is `nil`.
struct ProcessSnapshot {
    var cpuSeconds: Double?
    var residentBytes: Double?
    var virtualBytes: Double?
    var threads: Double?
    var openFiles: Double?
    var maximumFiles: Double?
    /// Seconds since 1970.
    var started: Double?

    static func read() -> ProcessSnapshot {
        var figures = ProcessSnapshot()
        figures.readStat()
        figures.openFiles = countEntries("/proc/self/fd").map(Double.init)
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        if getrlimit(resource, &limit) == 0 { figures.maximumFiles = Double(limit.rlim_cur) }
        return figures
    }

    private mutating func readStat() {
        // The name in the second field may hold spaces and brackets, so count from the last bracket on: field 3 is first.
        guard let text = Self.contents("/proc/self/stat"), let end = text.lastIndex(of: ")") else { return }
        let fields = text[end...].split(separator: " ").dropFirst().map(String.init)
        func field(_ number: Int) -> Double? {
            let index = number - 3
            return fields.indices.contains(index) ? Double(fields[index]) : nil
        }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        if let user = field(14), let system = field(15), ticks > 0 { cpuSeconds = (user + system) / ticks }
        threads = field(20)
        if let start = field(22), ticks > 0, let boot = Self.bootTime { started = boot + start / ticks }
        virtualBytes = field(23)
        residentBytes = field(24).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
    }

    /// Seconds since 1970.
    private static let bootTime: Double? = contents("/proc/stat")?
        .split(separator: "\n").first { $0.hasPrefix("btime ") }
        .flatMap { Double($0.dropFirst("btime ".count)) }

    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = chunk.withUnsafeMutableBytes { recv in
                #if canImport(Glibc)
                    Glibc.read(descriptor, recv.baseAddress, recv.count)
                #else
                    Musl.read(descriptor, recv.baseAddress, recv.count)
                #endif
            }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Entries of a directory, the one that this makes while counting left out.
    private static func countEntries(_ path: String) -> Int? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return max(0, count - 3)
    }
}
