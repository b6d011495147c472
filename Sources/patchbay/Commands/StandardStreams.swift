import ArgumentParser
import PatchbayRuntime
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Text to standard output and standard error: the one way by which commands print.
enum Output {
    /// Whether anybody took the text.
    enum Taken { case taken, readerLeft }

    /// Prints what a command was asked for.
    ///
    /// - Parameter isNeeded: whether it is a failure when the process was started without standard output. Not for what a server says
    ///   beside its work: supervisors start some that way.
    /// - Returns: `readerLeft` when standard output is a pipe that nobody reads any more, as behind `| head -1`. That is
    ///   no failure: the reader has what it wanted. A command that prints on and on ends then.
    /// - Throws: exit code 74, after saying why, when the text can't be written: a full disk must not look like success.
    @discardableResult
    static func standard(_ text: String, isNeeded: Bool = true) throws -> Taken {
        // The number leads to /dev/null then, which takes everything.
        let wasClosed = isNeeded && !text.isEmpty && StandardDescriptors.outputWasClosed
        switch wasClosed ? EBADF : write(text, to: STDOUT_FILENO) {
        case 0: return .taken
        case EPIPE: return .readerLeft
        case let code: throw Exit.because("can't write to standard output: \(ErrorSentence.system(code))", Exit.inputOutput)
        }
    }

    /// For a command that may wait long for what it prints: fails at once when the process was started without standard output.
    static func requireStandard() throws {
        guard StandardDescriptors.outputWasClosed else { return }
        throw Exit.because("can't write to standard output: \(ErrorSentence.system(EBADF))", Exit.inputOutput)
    }

    /// Says something beside the output. Where even that fails, nobody is left to be told.
    static func error(_ text: String) { _ = write(text, to: STDERR_FILENO) }

    /// Returns 0, or the `errno` of what failed.
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                #if canImport(Glibc)
                    let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
                #else
                    let written = Musl.write(descriptor, rest.baseAddress, rest.count)
                #endif
                if written > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                } else if written < 0, errno == EAGAIN {
                    // Another process that shares the terminal or pipe made it non-blocking.
                    var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&state, 1, -1)
                } else if written < 0, errno != EINTR {
                    return errno
                }
            }
            return 0
        }
    }
}

/// What commands read.
enum StandardInput {
    /// Says to somebody at a terminal that the command waits for what they type: silence looks as if it hung.
    static func tellTerminal(_ sentence: String) {
        if isatty(STDIN_FILENO) == 1 { Output.error("patchbay: \(sentence)\n") }
    }
}

/// Standard input, output and error of a process that was started without them.
enum StandardDescriptors {
    private static let closedOutput = Atomic<Bool>(false)

    /// Whether the process was started without standard output, so that what is printed reaches nobody.
    static var outputWasClosed: Bool { closedOutput.load(ordering: .relaxed) }

    /// Opens those that are closed to /dev/null. To be called before anything else is opened: the next file or socket would
    /// get the free number, and what is printed would be written into it.
    static func open() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
            if descriptor == STDOUT_FILENO { closedOutput.store(true, ordering: .relaxed) }
            // The lowest free number, which is this one, since those below it are open by now.
            _ = openNull()
        }
    }

    private static func openNull() -> Int32 {
        #if canImport(Glibc)
            Glibc.open("/dev/null", O_RDWR)
        #else
            Musl.open("/dev/null", O_RDWR)
        #endif
    }
}
