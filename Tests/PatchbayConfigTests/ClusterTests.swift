import PatchbayAPI
import PatchbayConfig
import Testing

@Suite("Kafka clusters")
struct ClusterTests {
    private static func file(_ clusters: String, _ route: String = "") -> String {
        """
        version: 1
        kafka: { brokers: ['m:1'], group: g, batch_size: 7, max_record: 2KiB, properties: { debug: all } }
        routes: [{ topic: a, transform: token, channel: c\(route) }]
        """.replacing(" }\nroutes", with: ", clusters: { \(clusters) } }\nroutes")
    }

    @Test("inherit what they don't say, their properties aside")
    func inherited() throws {
        let text = Self.file(
            "audit: { brokers: ['x:1', 'y:2'] }, b: { brokers: 'z:3', group: h, max_record: 4KiB, properties: { debug: fetch } }",
            ", cluster: audit")
        let result = load(text, ["KAFKA_BROKERS": "env:1", "KAFKA_CONSUMER_GROUP": "eg"])
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.clusters.map(\.name) == ["default", "audit", "b"])
        // Variables are about the default cluster; what others inherit is what is in effect there.
        #expect(configuration.clusters.map(\.brokers) == [["env:1"], ["x:1", "y:2"], ["z:3"]])
        #expect(configuration.clusters.map(\.group) == ["eg", "eg", "h"])
        #expect(configuration.clusters.map(\.batchSize) == [7, 7, 7])
        #expect(configuration.clusters.map(\.maxRecord) == [2048, 2048, 4096])
        #expect(configuration.clusters.map { $0.properties.map(\.value) } == [["all"], [], ["fetch"]])
        #expect(configuration.routes.map(\.cluster) == ["audit"])
        #expect(try #require(load(Self.file("")).configuration).routes[0].cluster == "default")
        #expect(load(Self.file("", ", cluster: default")).configuration != nil)
    }

    @Test(
        "what is wrong with them is found at its place",
        arguments: [
            Case(
                "no brokers", file("audit: { group: h }"), [:],
                Finding(2, 118, "`brokers` is missing", "for example `brokers: [audit1:9092, audit2:9092]`")),
            Case(
                "nothing", file("audit:"), [:],
                Finding(2, 118, "`brokers` is missing", "for example `brokers: [audit1:9092, audit2:9092]`")),
            Case(
                "reserved name", file("default: { brokers: 'a:1' }"), [:],
                Finding(2, 111, "`default` is the cluster that `kafka` itself describes", "set it up under `kafka`, or use another name")),
            Case(
                "broker", file("audit: { brokers: [a] }"), [:],
                Finding(2, 130, "`brokers` must be `host:port`, found `a`", "add the port: `a:9092`")),
            Case(
                "property", file("audit: { brokers: 'a:1', properties: { group.id: x } }"), [:],
                Finding(2, 150, "property `group.id` is set by `kafka.clusters.audit.group`", "write `group: …` instead")),
            Case(
                "clusters in clusters", file("audit: { brokers: 'a:1', clusters: {} }"), [:],
                Finding(
                    2, 136, "unknown key `clusters`",
                    "allowed keys: `brokers`, `group`, `batch_size`, `max_record`, `dead_letter_timeout`, `properties`")),
            Case(
                "dangling name", file("audit: { brokers: 'a:1' }", ", cluster: aduit"), [:],
                Finding(3, 61, "there is no cluster `aduit`", "did you mean `audit`?")),
            Case(
                "dangling name with nothing near", file("audit: { brokers: 'a:1' }", ", cluster: zzz"), [:],
                Finding(3, 61, "there is no cluster `zzz`", "known clusters: `audit`, `default`; add it under `kafka.clusters`")),
            Case(
                "a cluster with a mistake is there all the same", file("audit: 5", ", cluster: audit"), [:],
                Finding(2, 118, "`audit` must be a mapping (`key: value`), found the number 5")),
        ])
    func findings(_ row: Case) { row.check() }
}
