/// Where operators' tools connect: the section `admin` of the file.
///
/// The initial values are the defaults; the rest of each declaration is in `PatchbayConfig/Sections/AdminSection.swift`.
public struct AdminSettings: Sendable, Equatable {
    public var isEnabled = true
    public var host = "127.0.0.1"
    /// 0 takes any free port.
    public var port = 8081
    /// Names that requests may be for, besides those of the machine itself: `name`, `*.name` or `*`.
    public var allowedHosts: [String] = []

    /// Keys whose values came out of secret files and must not be shown.
    package var secrets: Set<String> = []

    public init() {}
}
