import PatchbayConfig
import PatchbayDelivery
import PatchbayHTTP
import PatchbaySettings

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The number of files and sockets this process may have open.
enum FileLimit {
    /// Files and sockets beside connections: librdkafka's, the listeners, logs.
    private static let spare = 100

    /// What the process needs to hold all the connections that a configuration allows. Those without a limit can't be in it.
    static func needed(by configuration: RouterConfiguration) -> Int {
        let limits = configuration.limits
        return configuration.server.maxClients + limits.httpConnections + limits.pendingHandshakes
            + (configuration.admin.isEnabled ? AdminServer.maximumConnections : 0) + spare
    }

    /// Raises the limit as far as the system allows without privileges, and returns it.
    static func raise() -> Int {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}

/// Facts about this machine.
enum System {
    /// Cores this process may run on, at least 1.
    static var coreCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
