import PatchbayAPI

/// The files of a load, by what they are read for. A file may be both.
public struct KnownFiles: Sendable, Equatable {
    /// Text of the configuration: the main file, and what it includes with the directories of patterns. Findings show
    /// their lines.
    public var configuration: [String]
    /// Values of `${file:…}`, which are never shown.
    public var secrets: [String]

    public init(configuration: [String] = [], secrets: [String] = []) {
        self.configuration = configuration
        self.secrets = secrets
    }

    /// The files of both.
    public func joined(with other: KnownFiles) -> KnownFiles {
        func joined(_ own: [String], _ others: [String]) -> [String] {
            let known = Set(own.map { ByteString($0) })
            return own + others.filter { !known.contains(ByteString($0)) }
        }
        return KnownFiles(
            configuration: joined(configuration, other.configuration), secrets: joined(secrets, other.secrets))
    }
}
