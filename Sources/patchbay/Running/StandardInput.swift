#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What commands read.
enum StandardInput {
    /// Says to somebody at a terminal that the command waits for what they type: silence looks as if it hung.
    static func tellTerminal(_ sentence: String) {
        if isatty(STDIN_FILENO) == 1 { Output.error("patchbay: \(sentence)\n") }
    }
}
