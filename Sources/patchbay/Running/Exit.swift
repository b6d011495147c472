import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Exit codes, after sysexits.h.
enum Exit {
    /// A needed service is not there.
    static let unavailable = ExitCode(69)
    /// A bug.
    static let internalError = ExitCode(70)
    /// Bad configuration.
    static let configuration = ExitCode(78)

    /// Ends a command: says why on standard error, and returns the code to throw.
    static func because(_ message: String, _ code: ExitCode) -> ExitCode {
        Output.error("patchbay: \(message)\n")
        return code
    }
}

/// Plain text to the terminal.
enum Output {
    static func standard(_ text: String) { write(text, to: 1) }

    static func error(_ text: String) { write(text, to: 2) }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes {
                #if canImport(Glibc)
                    Glibc.write(descriptor, $0.baseAddress, $0.count)
                #else
                    Musl.write(descriptor, $0.baseAddress, $0.count)
                #endif
            }
            // A closed terminal is no reason to fail.
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
