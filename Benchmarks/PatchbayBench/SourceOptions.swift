import ArgumentParser
import CLoad

/// The topic that a program in C reads, as arguments of its process.
struct SourceOptions: ParsableArguments {
    @Option var brokers: String
    @Option var partitions: UInt32
    /// librdkafka's, as NAME=VALUE.
    @Option var property: [String] = []

    static func arguments(brokers: String, partitions: Int, properties: [String]) -> [String] {
        ["--brokers", brokers, "--partitions", "\(partitions)"] + properties.flatMap { ["--property", $0] }
    }

    /// Lends what the program takes.
    func withSource<Result>(_ body: (cload_source) throws -> Result) rethrows -> Result {
        let properties = CStrings(property)
        return try withExtendedLifetime(properties) {
            try brokers.withCString { brokers in
                try MockKafka.topic.withCString { topic in
                    try body(
                        cload_source(
                            brokers: brokers, topic: topic, partitions: partitions, properties: UnsafePointer(properties.pointers)))
                }
            }
        }
    }
}
