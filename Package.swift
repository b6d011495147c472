// swift-tools-version:6.2
import PackageDescription

/// Every own Swift target: language mode 6 (the tools-version default) and warnings are errors.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Where most declarations are for the package: an import is the file's own unless it says otherwise.
let strictImports: [SwiftSetting] = strict + [.enableUpcomingFeature("InternalImportsByDefault")]

let strictC: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

/// simdjson's headers are C++17; the shim itself compiles with warnings as errors.
let simdjson: [CXXSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "patchbay",
    products: [
        .executable(name: "patchbay", targets: ["patchbay"]),
        .executable(name: "patchbay-plugin-host", targets: ["patchbay-plugin-host"]),
        .library(name: "PatchbayAPI", targets: ["PatchbayAPI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
    ],
    targets: [
        // C libraries from the distribution.
        .systemLibrary(name: "CLibRDKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CLibJQ", providers: [.apt(["libjq-dev"])]),
        // Bounds on what programs of jq take: functions in place of libjq's own.
        .target(name: "CJQBounds", dependencies: ["CLibJQ"], cSettings: strictC),
        .target(name: "CRuntime", cSettings: strictC, linkerSettings: [.linkedLibrary("uring")]),
        .target(name: "CSimdJSON", cxxSettings: simdjson, linkerSettings: [.linkedLibrary("simdjson")]),
        // The pages behind /docs, embedded into the program; `make setup` fetches those that are not ours.
        .target(name: "CDocsAssets", exclude: ["web", "vendor", "fetch.sh"], cSettings: strictC),

        // The interface of plugins: the header that their authors take, and the host's side of it.
        .target(
            name: "CPatchbayPlugin", exclude: ["vendor", "fetch.sh", "wasm"], cSettings: strictC, linkerSettings: [.linkedLibrary("dl")]),
        // Runs one in a process of its own. In C, because it starts in a millisecond then.
        .executableTarget(name: "patchbay-plugin-host", dependencies: ["CPatchbayPlugin"], cSettings: strictC),

        // What a transformer author reads.
        .target(name: "PatchbayAPI", swiftSettings: strict),
        .target(name: "PatchbayJSON", dependencies: ["CSimdJSON", "PatchbayAPI"], swiftSettings: strict),

        // The router.
        .target(
            name: "PatchbayCore",
            dependencies: [
                "PatchbayAPI",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "PatchbayKafka",
            dependencies: ["CLibRDKafka", "PatchbayAPI", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict
        ),
        // The settings of the file as plain values, for those who read them and those who use them.
        .target(name: "PatchbaySettings", swiftSettings: strict),
        .target(
            name: "PatchbayConfig", dependencies: ["CLibYAML", "PatchbayAPI", "PatchbaySettings"], swiftSettings: strict),
        // What is generated from the declarations: schema, reference pages, the effective configuration.
        .target(
            name: "PatchbayReference", dependencies: ["PatchbayAPI", "PatchbayConfig", "PatchbayJSON"], swiftSettings: strict),
        .target(
            name: "PatchbayDelivery",
            dependencies: [
                "CRuntime", "PatchbayAPI", "PatchbayCore", "PatchbayJSON", "PatchbaySettings",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strictImports
        ),
        .target(
            name: "PatchbayHTTP",
            dependencies: [
                "CDocsAssets", "PatchbayAPI", "PatchbayCore", "PatchbayDelivery", "PatchbayJSON", "PatchbaySettings",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strictImports
        ),

        // Transformers.
        .target(
            name: "TokenTransformer", dependencies: ["PatchbayAPI", "PatchbayJSON"],
            path: "Plugins/TokenTransformer", exclude: ["Fixtures"], swiftSettings: strict),
        .target(
            name: "TradeTransformer", dependencies: ["PatchbayAPI", "PatchbayJSON"],
            path: "Plugins/TradeTransformer", exclude: ["Fixtures"], swiftSettings: strict),
        .target(
            name: "AggregateTransformer", dependencies: ["PatchbayAPI", "PatchbayJSON"],
            path: "Plugins/AggregateTransformer", exclude: ["Fixtures"], swiftSettings: strict),
        .target(
            name: "GenericTransformers", dependencies: ["CJQBounds", "CLibJQ", "PatchbayAPI", "PatchbayJSON"],
            path: "Plugins/GenericTransformers", swiftSettings: strict),

        // Transformers that are loaded when the router runs.
        .target(
            name: "PatchbayPlugins",
            dependencies: [
                "CPatchbayPlugin", "PatchbayAPI", "PatchbayJSON", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        // Believable records for the demo.
        .target(name: "DemoFeed", swiftSettings: strict),

        // The router assembled from a configuration, and what operators ask of it.
        .target(
            name: "PatchbayRuntime",
            dependencies: [
                "PatchbayAPI", "PatchbayCore", "PatchbayJSON", "PatchbayKafka", "PatchbaySettings", "PatchbayConfig", "PatchbayReference",
                "PatchbayDelivery", "PatchbayHTTP", "PatchbayPlugins",
                "TokenTransformer", "TradeTransformer", "AggregateTransformer", "GenericTransformers", "DemoFeed",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),

        // The command line.
        .executableTarget(
            name: "patchbay",
            dependencies: [
                "PatchbayRuntime", "PatchbayAPI", "PatchbayCore", "PatchbayJSON", "PatchbayKafka", "PatchbayConfig", "PatchbayReference",
                "PatchbayDelivery", "PatchbayHTTP", "PatchbayPlugins",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),

        // Measuring, and conformance suites.
        .target(name: "CLoad", dependencies: ["CLibRDKafka"], path: "Benchmarks/CLoad", cSettings: strictC),
        // How figures are compared, without a clock.
        .target(name: "BenchStatistics", path: "Benchmarks/BenchStatistics", swiftSettings: strict),
        .executableTarget(
            name: "patchbay-bench",
            dependencies: [
                "BenchStatistics", "CLoad", "CAllocationCounter", "PatchbayAPI", "PatchbayCore", "PatchbayKafka", "PatchbayPlugins",
                "PatchbayRuntime", "TradeTransformer", "GenericTransformers",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Benchmarks/PatchbayBench", swiftSettings: strict),
        .executableTarget(
            name: "echo",
            dependencies: [
                "PatchbayDelivery", "PatchbaySettings",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Benchmarks/Echo", swiftSettings: strict),

        // Tests: a mirror of the sources.
        .target(
            name: "TestSupport", dependencies: [.product(name: "Logging", package: "swift-log")], path: "Tests/Support",
            exclude: ["CAllocationCounter", "TransformerTestSupport"], swiftSettings: strict),
        // Replaces malloc to count; SwiftPM links all tests into one program, so there can be only one of its kind.
        .target(name: "CAllocationCounter", path: "Tests/Support/CAllocationCounter"),
        .target(
            name: "TransformerTestSupport", dependencies: ["PatchbayAPI", "PatchbayJSON"],
            path: "Tests/Support/TransformerTestSupport", swiftSettings: strict),
        .testTarget(
            name: "PatchbayJSONTests", dependencies: ["PatchbayAPI", "PatchbayJSON", "TestSupport", "CAllocationCounter"],
            swiftSettings: strict),
        .testTarget(name: "PatchbayAPITests", dependencies: ["PatchbayAPI", "TransformerTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "TokenTransformerTests", dependencies: ["TokenTransformer", "TransformerTestSupport", "PatchbayAPI"],
            swiftSettings: strict),
        .testTarget(
            name: "TradeTransformerTests", dependencies: ["TradeTransformer", "TransformerTestSupport", "PatchbayAPI"],
            swiftSettings: strict),
        .testTarget(
            name: "AggregateTransformerTests", dependencies: ["AggregateTransformer", "TransformerTestSupport", "PatchbayAPI"],
            swiftSettings: strict),
        .testTarget(
            name: "DomainTransformerTests",
            dependencies: [
                "TokenTransformer", "TradeTransformer", "AggregateTransformer", "TransformerTestSupport",
                "CAllocationCounter", "PatchbayAPI",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GenericTransformersTests",
            dependencies: [
                "GenericTransformers", "TokenTransformer", "TradeTransformer", "AggregateTransformer", "TestSupport",
                "TransformerTestSupport", "CAllocationCounter",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PatchbayPluginsTests",
            dependencies: [
                "PatchbayPlugins", "CPatchbayPlugin", "PatchbayAPI", "PatchbayConfig", "PatchbayRuntime", "PatchbaySettings", "TestSupport",
                "TransformerTestSupport", "CAllocationCounter", .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Plugins"], swiftSettings: strict),
        .testTarget(
            name: "DemoFeedTests",
            dependencies: [
                "DemoFeed", "TokenTransformer", "TradeTransformer", "AggregateTransformer", "PatchbayJSON",
                "TransformerTestSupport",
            ],
            swiftSettings: strict),
        .testTarget(name: "BenchmarkTests", dependencies: ["BenchStatistics", "CLoad", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "PatchbayKafkaTests",
            dependencies: [
                "PatchbayKafka", "PatchbayAPI", "CLibRDKafka", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PatchbayCoreTests",
            dependencies: [
                "PatchbayCore", "PatchbayAPI", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PatchbayDeliveryTests",
            dependencies: [
                "PatchbayDelivery", "PatchbayCore", "PatchbayAPI", "PatchbayJSON", "PatchbaySettings", "TestSupport", "CAllocationCounter",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PatchbayHTTPTests",
            dependencies: [
                "PatchbayDelivery", "PatchbayHTTP", "PatchbayCore", "PatchbayAPI", "PatchbayJSON", "PatchbaySettings", "TestSupport",
                "TokenTransformer", "TradeTransformer", "AggregateTransformer", "GenericTransformers",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PatchbayRuntimeTests",
            dependencies: [
                "PatchbayRuntime", "PatchbayAPI", "PatchbayConfig", "PatchbayCore", "PatchbayKafka", "PatchbayDelivery", "PatchbayHTTP",
                "PatchbaySettings", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PatchbayConfigTests",
            dependencies: ["PatchbayConfig", "PatchbaySettings", "PatchbayAPI", "TestSupport", "TransformerTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "PatchbayReferenceTests",
            dependencies: ["PatchbayReference", "PatchbayConfig", "PatchbayAPI", "TransformerTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "patchbay", "PatchbayRuntime", "echo", "PatchbayAPI", "PatchbayConfig", "PatchbayReference", "PatchbayCore",
                "PatchbayKafka", "PatchbayDelivery", "PatchbayHTTP", "TestSupport", "TransformerTestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/EndToEnd", swiftSettings: strict),
        // Skipped unless KAFKA_HOME names a release of Apache Kafka.
        .testTarget(
            name: "RealKafkaTests", dependencies: ["patchbay", "CLibRDKafka", "TestSupport"], swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
