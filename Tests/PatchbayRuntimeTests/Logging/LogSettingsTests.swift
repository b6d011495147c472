import Foundation
import Logging
import Testing

@testable import PatchbayRuntime

@Suite struct LogSettingsTests {
    @Test func defaultsAndWords() throws {
        #expect(try LogSettings(environment: [:]) == LogSettings(format: .text, level: .info))
        // Compose files pass unset variables on as empty ones.
        #expect(try LogSettings(environment: ["LOG_LEVEL": "", "LOG_FORMAT": ""]) == LogSettings())
        #expect(
            try LogSettings(environment: ["LOG_LEVEL": "TRACE", "LOG_FORMAT": "Json"])
                == LogSettings(format: .json, level: .trace))
    }

    @Test func aWrongWordIsNamedWithItsVariableAndTheRightOnes() {
        let format = #expect(throws: LogSettingError.self) {
            try PatchbayLogs.bootstrap(environment: ["LOG_FORMAT": "xml"])
        }
        #expect(format?.description == "LOG_FORMAT=xml is not understood; use one of text, json")
        let level = #expect(throws: LogSettingError.self) {
            try PatchbayLogs.bootstrap(environment: ["LOG_LEVEL": "loud\n\u{1B}[2J"])
        }
        #expect(
            level?.description == "LOG_LEVEL=loud\\n\\u{1B}[2J is not understood; "
                + "use one of trace, debug, info, notice, warning, error, critical")
    }

    /// In a process of its own, because swift-log can be set up once per process.
    @Test func aProcessLogsToStandardErrorAndWritesCountsAsItExits() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(3), observing: [\.standardErrorContent]
        ) {
            let logger = try PatchbayLogs.bootstrap(environment: ["LOG_FORMAT": "json"])
            for _ in 0..<3 { logger.info("hello") }
            logger.debug("hidden")
            // A second call must not trip over swift-log's "once".
            _ = try PatchbayLogs.bootstrap(environment: [:], label: "again")
            Logger(label: "other").warning("from elsewhere")
            exit(3)
        }
        let lines = String(decoding: result.standardErrorContent, as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix("{\"timestamp\"") }
        #expect(lines.count == 3)
        #expect(lines.first?.contains(#""level":"info","logger":"patchbay","message":"hello"}"#) == true)
        #expect(lines.dropFirst().first?.contains(#""logger":"other","message":"from elsewhere"}"#) == true)
        #expect(lines.last?.contains(#""message":"hello (repeated 2 times in 1 s)","repeated":2}"#) == true)
    }

    @Test func aClosedStandardErrorDoesNoHarm() async {
        await #expect(processExitsWith: .exitCode(4)) {
            signal(SIGPIPE, SIG_IGN)
            close(2)
            let logger = try PatchbayLogs.bootstrap(environment: [:])
            for number in 0..<100 { logger.error("nobody hears \(number)") }
            exit(4)
        }
    }
}
