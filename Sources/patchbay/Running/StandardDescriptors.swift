import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
