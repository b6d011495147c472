import CLoad
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ProcessTests {
    /// Runs a program by its path; `nil` when it can't be started.
    private func spawn(_ arguments: [String], isPinned: Bool = false) -> pid_t? {
        var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { for string in strings { free(string) } }
        strings.append(nil)
        var error = cload_error()
        let pid = strings.map { UnsafePointer<CChar>($0) }.withUnsafeBufferPointer {
            cload_spawn($0.baseAddress, cload_environment(), "/dev/null", isPinned, &error)
        }
        return pid > 0 ? pid : nil
    }

    @Test("A program's exit code comes back, and a missing program is an error")
    func exitCode() throws {
        let pid = try #require(spawn(["/bin/sh", "-c", "exit 7"]))
        var status: Int32 = 0
        #expect(cload_wait_exit(pid, 20_000, &status) == 1)
        #expect(status == 7)
        #expect(cload_wait_exit(pid, 0, &status) == -1, "it was waited for already")
        #expect(spawn(["/no/such/program"]) == nil)
    }

    @Test("CPU time, memory and write calls of another process are told apart from nothing")
    func usage() throws {
        let pid = try #require(
            spawn(["/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo x; done; exec sleep 60"]))
        defer {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            _ = cload_wait_exit(pid, 20_000, &status)
        }
        var usage = cload_usage()
        let deadline = cload_now() + 20_000_000_000
        while usage.write_calls < 20_000, cload_now() < deadline {
            #expect(cload_process_usage(pid, &usage))
            usleep(5_000)
        }
        #expect(usage.write_calls >= 20_000)
        #expect(usage.write_bytes >= 40_000)
        #expect(usage.cpu_ns > 0)
        #expect(usage.rss_bytes > 0)
        #expect(usage.threads == 1)
        #expect(!cload_process_usage(0x3fff_ffff, &usage))
    }

    @Test("A pinned program has one processor, and others have as many as this one", arguments: [false, true])
    func pinned(isPinned: Bool) throws {
        let pid = try #require(spawn(["/bin/sh", "-c", "exit $(nproc)"], isPinned: isPinned))
        var status: Int32 = 0
        #expect(cload_wait_exit(pid, 20_000, &status) == 1)
        #expect(status == (isPinned ? 1 : Int32(cload_processors())))
    }
}
