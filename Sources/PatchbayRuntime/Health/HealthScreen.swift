import Foundation
import PatchbayAPI
import PatchbayConfig

/// A health report as an on-call engineer wants to read it. What a report of another version doesn't have is left out.
package struct HealthScreen {
    private let report: [String: Any]
    private let address: String

    /// - Parameter report: what `/health`, `/health/live` or `/health/ready` answers.
    package init(_ report: [String: Any], address: String) {
        self.report = report
        self.address = address
    }

    /// Of `/health/live` and `/health/ready`: one line.
    package var probe: String {
        let words = status.split(separator: "_").joined(separator: " ")
        return reasons.isEmpty ? "\(words)\n" : "\(words): \(reasons.joined(separator: "; "))\n"
    }

    package var text: String {
        var text = headline + "\n"
        text += section("Reasons", reasons.map { "- \($0)" })
        text += "\nClients\n  \(clients)\n"
        text += section("Topics", Self.table(topics.map(topicRow)))
        text += section("Slow clients", slow)
        text += section("Rejected records", rejected)
        text += section("Plugins", Self.table(plugins.map(pluginRow)))
        text += section("Messages dropped", dropped)
        text += section("What to do next", advice.map { "- \($0)" })
        return text
    }

    // MARK: What is said

    private var status: String { report["status"] as? String ?? "unknown" }
    private var reasons: [String] { (report["reasons"] as? [String] ?? []).map(Self.line) }
    private var topics: [[String: Any]] { list("topics") }
    private var configuration: [String: Any] { report["configuration"] as? [String: Any] ?? [:] }

    private var headline: String {
        var parts = ["\(status.uppercased())  patchbay at \(address)"]
        if let seconds = number("uptime_seconds", of: report) { parts.append("up \(Self.duration(seconds))") }
        if let generation = integer("generation", of: configuration) { parts.append("configuration \(generation)") }
        return parts.joined(separator: ", ")
    }

    private var clients: String {
        let count = integer("clients", of: report) ?? 0
        guard let most = integer("max_clients", of: report) else { return "\(Counted.grouped(count)) connected" }
        return "\(Counted.grouped(count)) of \(Counted.grouped(most)) connected"
    }

    private func topicRow(_ topic: [String: Any]) -> [String] {
        let partitions = (topic["partitions"] as? [Any])?.count ?? 0
        let lag = integer("lag", of: topic).map { "lag \(Counted.grouped($0))" } ?? "lag unknown"
        var row = [
            name("topic", of: topic), topic["state"] as? String ?? "", lag, Counted.text(partitions, "partition"),
            "\(Counted.text(integer("records_consumed", of: topic) ?? 0, "record")) read",
        ]
        let unreadable = integer("records_unreadable", of: topic) ?? 0
        if unreadable > 0 { row.append("\(Counted.grouped(unreadable)) unreadable") }
        return row
    }

    private var slow: [String] {
        guard let slow = report["slow"] as? [String: Any], let losing = integer("losing", of: slow) else { return [] }
        guard losing > 0 else { return ["no client is losing messages"] }
        let furthest = integer("furthest_behind", of: slow) ?? 0
        let named = slow["subscriptions"] as? [[String: Any]] ?? []
        return [
            "\(Counted.text(losing, "subscription loses", "subscriptions lose")) messages; "
                + "the slowest is \(Counted.text(furthest, "message")) behind"
        ] + Self.table(named.map(slowRow))
    }

    /// Whatever of who it is the server knows.
    private func slowRow(_ subscription: [String: Any]) -> [String] {
        let identity = ["connection", "client", "address", "origin", "user_agent"].compactMap { subscription[$0] as? String }
        var row = [identity.map(Self.line).joined(separator: " "), "on \(name("channel", of: subscription))"]
        if let behind = integer("behind", of: subscription) { row.append("\(Counted.text(behind, "message")) behind") }
        if let seconds = number("stalled_seconds", of: subscription) { row.append("not reading for \(Self.duration(seconds))") }
        return row
    }

    private var rejected: [String] {
        let rows: [[String]] = list("routes").compactMap { route in
            let codes = (route["records_rejected"] as? [String: Any] ?? [:]).compactMap { code, count in
                (count as? NSNumber).map { (code: code, count: $0.int64Value) }
            }.filter { $0.count > 0 }.sorted { ($1.count, $0.code) < ($0.count, $1.code) }
            guard !codes.isEmpty else { return nil }
            return [name("route", of: route), codes.map { "\($0.code) \(Counted.grouped($0.count))" }.joined(separator: ", ")]
        }
        return rows.isEmpty ? ["none"] : Self.table(rows)
    }

    private var plugins: [(route: String, plugin: [String: Any])] {
        list("routes").flatMap { route in
            (route["plugins"] as? [[String: Any]] ?? []).map { (name("route", of: route), $0) }
        }
    }

    private func pluginRow(_ route: String, _ plugin: [String: Any]) -> [String] {
        var row = [route, "\(name("transformer", of: plugin)) of \(name("plugin", of: plugin))", timePerBatch(plugin)]
        row.append(integer("memory_bytes", of: plugin).map { "\(Counted.grouped($0 >> 10)) KiB" } ?? Self.place(plugin))
        let failures = integer("failures", of: plugin) ?? 0
        guard failures > 0 else { return row + ["no failures"] }
        var said = "\(Counted.text(failures, "failure")), \(Counted.text(integer("restarts", of: plugin) ?? 0, "restart"))"
        if let reason = plugin["last_failure"] as? String { said += "; the last: \(Self.line(reason))" }
        if let time = plugin["last_failure_at"] as? String { said += ", \(Self.line(time))" }
        return row + [said]
    }

    /// Where its instances run, for one that has none, or whose memory is the router's.
    private static func place(_ plugin: [String: Any]) -> String {
        switch plugin["runs_in"] as? String {
        case "process": "in processes"
        case "webassembly": "as WebAssembly"
        default: "in the router"
        }
    }

    private func timePerBatch(_ plugin: [String: Any]) -> String {
        guard let batches = integer("batches", of: plugin), batches > 0, let seconds = number("batch_seconds", of: plugin) else {
            return "no batches"
        }
        return String(format: "%.3f ms a batch", seconds / Double(batches) * 1000)
    }

    private var dropped: [String] {
        Self.table(
            list("channels").compactMap { channel in
                guard let dropped = integer("dropped", of: channel), dropped > 0 else { return nil }
                return [name("channel", of: channel), "\(Counted.grouped(dropped)) dropped for slow subscribers since the start"]
            })
    }

    // MARK: What to do

    private var advice: [String] {
        var steps: [String] = []
        if configuration["error"] is String {
            steps.append("`patchbay check FILE` shows every mistake in the file; saving a correct one is enough")
        }
        if (configuration["restart_needed"] as? [Any])?.isEmpty == false {
            steps.append("restart the process when convenient: some changed settings take effect only then")
        }
        let states = Set(topics.compactMap { $0["state"] as? String })
        if !states.isDisjoint(with: ["unreachable", "unreadable"]) || (status == "unavailable" && states.contains("waiting")) {
            steps.append("`patchbay check --live FILE` asks the brokers: can they be reached, do the topics exist?")
        }
        if states.contains("halted") || list("routes").contains(where: { $0["stopped_at"] is String }) {
            steps.append("fix the route that stopped, or the rule that refused the record, and save the file: the record is tried again")
        }
        if plugins.contains(where: { $0.plugin["failed_batches"] is NSNumber }) {
            steps.append(
                "the plugin that fails: put its older file back, or take its step out of the route, and reload; then "
                    + "`patchbay plugin test FILE`")
        }
        if let most = integer("max_clients", of: report), let count = integer("clients", of: report), most > 0, count >= most {
            steps.append("raise server.max_clients and the limit on open files, or add a node")
        }
        if topics.contains(where: { (integer("lag", of: $0) ?? 0) > 0 }) {
            steps.append("check again in a minute: if the lag falls, it is catching up; if it grows, look at the CPU and the brokers")
        }
        if let slow = report["slow"] as? [String: Any], (integer("losing", of: slow) ?? 0) > 0 {
            steps.append("slow clients: give their channel a larger `buffer`, send smaller messages (`pick`), or talk to their owner")
        }
        if rejected != ["none"] {
            steps.append("the log's `record rejected` lines name such records; `patchbay explain --topic TOPIC RECORD` says why")
        }
        if steps.isEmpty {
            steps.append(status == "ok" ? "nothing to do" : "look at the reasons above, and at the server's log")
        }
        return steps
    }

    // MARK: Parts

    private func list(_ key: String) -> [[String: Any]] { report[key] as? [[String: Any]] ?? [] }
    private func integer(_ key: String, of object: [String: Any]) -> Int64? { (object[key] as? NSNumber)?.int64Value }
    private func number(_ key: String, of object: [String: Any]) -> Double? { (object[key] as? NSNumber)?.doubleValue }
    private func name(_ key: String, of object: [String: Any]) -> String { Self.line(object[key] as? String ?? "?") }

    private func section(_ title: String, _ lines: [String]) -> String {
        lines.isEmpty ? "" : "\n\(title)\n" + lines.map { "  \($0)\n" }.joined()
    }

    /// Columns below one another, the last of each row as wide as it likes.
    private static func table(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.compactMap { $0.count > column + 1 ? $0[column].count : nil }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: max(0, widths[index] - cell.count))
            }.joined(separator: "  ")
        }
    }

    /// Names come from files and clients: nothing in them may move the cursor.
    package static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { DisplayText.isHarmless($0) ? $0 : "\u{FFFD}" }))
    }

    /// Two units are enough: `3 d 4 h`, `2 min 5 s`, `1.5 s`.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "unknown" }
        if seconds < 10 { return String(format: "%.1f s", seconds) }
        return ReadableTime.inTwoUnits(seconds: Int64(seconds), days: true)
    }
}
