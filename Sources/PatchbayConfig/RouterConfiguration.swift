public import PatchbayAPI
public import PatchbaySettings

/// Everything a configuration file and the files it includes say, checked and with every default filled in.
public struct RouterConfiguration: Sendable {
    public let server: ServerSettings
    public let limits: LimitSettings
    public let admin: AdminSettings
    public let reload: ReloadSettings
    public let alerts: AlertSettings
    /// In the order of the file.
    public let plugins: [PluginSettings]
    /// What routes may name: the transformers that ship, and those of the plugins.
    public let transformers: TransformerSet
    /// The cluster of `kafka` itself first, then those of `kafka.clusters` in the order of the file.
    public let clusters: [KafkaSettings]
    /// Every plain channel that an enabled route names, in the order of first mention.
    public let channels: [ChannelSettings]
    /// In the order of the file, then those of the files it includes. Names are unique, topics are not. At least one is
    /// enabled.
    public let routes: [RouteSettings]

    package init(
        server: ServerSettings, limits: LimitSettings, admin: AdminSettings, reload: ReloadSettings, alerts: AlertSettings,
        plugins: [PluginSettings] = [], transformers: TransformerSet = TransformerSet(), clusters: [KafkaSettings],
        channels: [ChannelSettings],
        routes: [RouteSettings]
    ) {
        self.server = server
        self.limits = limits
        self.admin = admin
        self.reload = reload
        self.alerts = alerts
        self.plugins = plugins
        self.transformers = transformers
        self.clusters = clusters
        self.channels = channels
        self.routes = routes
    }

    /// Bytes of the largest record of a cluster that is routed; those of `kafka` where there is none of that name.
    package func maxRecord(ofCluster name: String) -> Int {
        (clusters.first { $0.name.hasSameBytes(as: name) } ?? clusters.first ?? KafkaSettings()).maxRecord
    }
}
