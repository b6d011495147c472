import PatchbayDelivery

/// One metric, declared once: the page and its reference both read this.
///
/// Names follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/): base units, `_total` on counters.
public struct MetricFamily: Sendable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    public let name: String
    public let kind: Kind
    /// One sentence.
    public let help: String
    /// Names of its labels, in the order in which samples give their values.
    public let labels: [String]

    init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
    }
}
