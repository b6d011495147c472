import NIOCore
import PatchbayCore
import PatchbayDelivery

/// Writes Prometheus' text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), straight
/// into bytes: a page may have tens of thousands of lines.
struct MetricsWriter {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Most series of one metric that are shown; what is beyond is counted.
    static let mostSeries = 10_000

    private(set) var page = ByteBuffer()
    private(set) var leftOut: [(metric: String, series: Int)] = []

    /// One metric with all its samples. Nothing is written for a metric without samples.
    ///
    /// - Parameter samples: values of the labels, in the order of the declaration, and the value.
    mutating func write(_ family: MetricFamily, _ samples: [([String], Double)]) {
        guard !samples.isEmpty else { return }
        head(family)
        for sample in samples.prefix(Self.mostSeries) {
            page.writeString(family.name)
            labels(family.labels, sample.0)
            value(sample.1)
        }
        if samples.count > Self.mostSeries { leftOut.append((family.name, samples.count - Self.mostSeries)) }
    }

    /// A metric without labels.
    mutating func write(_ family: MetricFamily, _ value: Double) { write(family, [([], value)]) }

    mutating func write(_ family: MetricFamily, _ histogram: Histogram.Snapshot) { write(family, [([], histogram)]) }

    /// One histogram for each set of labels.
    mutating func write(_ family: MetricFamily, _ histograms: [([String], Histogram.Snapshot)]) {
        guard !histograms.isEmpty else { return }
        head(family)
        for (labels, histogram) in histograms { write(family, labels, histogram) }
    }

    private mutating func write(_ family: MetricFamily, _ values: [String], _ histogram: Histogram.Snapshot) {
        var below: Int64 = 0
        for (index, count) in histogram.counts.enumerated() {
            below += count
            page.writeString(family.name)
            page.writeStaticString("_bucket")
            let bound = index < histogram.bounds.count ? Self.text(histogram.bounds[index]) : "+Inf"
            labels(family.labels + ["le"], values + [bound])
            value(Double(below))
        }
        page.writeString(family.name)
        page.writeStaticString("_sum")
        labels(family.labels, values)
        value(histogram.sum)
        page.writeString(family.name)
        page.writeStaticString("_count")
        labels(family.labels, values)
        value(Double(below))
    }

    mutating func note(leftOut series: Int, of family: MetricFamily) { leftOut.append((family.name, series)) }

    private mutating func head(_ family: MetricFamily) {
        page.writeStaticString("# HELP ")
        page.writeString(family.name)
        page.writeStaticString(" ")
        page.writeString(family.help)
        page.writeStaticString("\n# TYPE ")
        page.writeString(family.name)
        page.writeStaticString(" ")
        page.writeString(family.kind.rawValue)
        page.writeStaticString("\n")
    }

    private mutating func labels(_ names: [String], _ values: [String]) {
        guard !names.isEmpty else { return }
        var separator: StaticString = "{"
        for (name, value) in zip(names, values) {
            page.writeStaticString(separator)
            page.writeString(name)
            page.writeStaticString("=\"")
            escaped(value)
            page.writeStaticString("\"")
            separator = ","
        }
        page.writeStaticString("}")
    }

    private mutating func escaped(_ text: String) {
        guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x5C || $0 == 0x0A }) else {
            page.writeString(text)
            return
        }
        for byte in text.utf8 {
            switch byte {
            case 0x22: page.writeStaticString("\\\"")
            case 0x5C: page.writeStaticString("\\\\")
            case 0x0A: page.writeStaticString("\\n")
            default: page.writeInteger(byte)
            }
        }
    }

    private mutating func value(_ value: Double) {
        page.writeStaticString(" ")
        page.writeString(Self.text(value))
        page.writeStaticString("\n")
    }

    private static func text(_ value: Double) -> String { Int64(exactly: value).map(String.init) ?? String(value) }
}
