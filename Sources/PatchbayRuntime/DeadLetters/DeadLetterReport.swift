import Foundation
import PatchbayAPI
import PatchbayConfig
import PatchbayCore
import PatchbayJSON

/// A dead letter for people and for programs.
package struct DeadLetterReport: Encodable {
    package struct Origin: Encodable {
        package var topic: String
        package var partition: Int32?
        package var offset: Int64?
        package var timestamp: String?
    }

    package struct Header: Encodable {
        package var name: String
        package var value: String?
        package var valueBase64: String?
    }

    package struct Replay: Encodable {
        package var topic: String
        package var time: String
    }

    /// `topic/partition/offset`.
    package var letter: String
    package var cluster: String
    package var time: String
    package var route: String
    package var code: String
    package var error: String
    package var field: String?
    package var from: Origin
    package var key: String?
    package var keyBase64: String?
    package var headers: [Header]
    /// Its beginning, where it is long and the letter is one of many.
    package var value: String?
    package var valueBase64: String?
    /// Of the whole value; `nil` for a tombstone.
    package var valueBytes: Int?
    package var isTombstone: Bool
    /// Where and when it was replayed; `nil` when it was not.
    package var replayed: Replay?
    /// The letter that was replayed and became this one.
    package var earlierLetter: String?

    private let bytes: [UInt8]?

    private enum CodingKeys: CodingKey {
        case letter, cluster, time, route, code, error, field, from, key, keyBase64, headers, value, valueBase64, valueBytes, isTombstone,
            replayed, earlierLetter
    }

    /// - Parameter preview: bytes of the value that are shown; `nil` for all.
    package init(_ letter: DeadLetter, _ mark: ReplayMark?, of topic: DeadLetterTopic, masks: MaskedNames, preview: Int?) {
        self.letter = Self.name(letter.position, of: topic)
        cluster = topic.settings.name
        time = Timestamp.text(letter.timestampMilliseconds)
        route = masks.shown(letter.route)
        code = letter.code
        error = letter.explanation
        field = letter.field
        from = Origin(
            topic: masks.shown(letter.origin.topic), partition: letter.origin.partition, offset: letter.origin.recordOffset,
            timestamp: letter.origin.timestampMilliseconds.map(Timestamp.text))
        (key, keyBase64) = Self.text(letter.key)
        headers = letter.headers.map { header in
            let (value, base64) = Self.text(header.value)
            return Header(name: header.name, value: value, valueBase64: base64)
        }
        bytes = preview.map { most in letter.value.map { DeadLetter.beginning(of: $0, most) } } ?? letter.value
        (value, valueBase64) = Self.text(bytes)
        valueBytes = letter.value == nil ? nil : letter.valueSize
        isTombstone = letter.value == nil
        replayed = mark.map { Replay(topic: masks.shown($0.topic), time: Timestamp.text($0.timestampMilliseconds)) }
        earlierLetter = letter.earlier.map { "\(masks.shown($0.topic))/\($0.place)" }
    }

    /// What `show` and `replay` take.
    package static func name(_ position: DeadLetter.Position, of topic: DeadLetterTopic) -> String {
        "\(topic.shownName)/\(position.partition)/\(position.recordOffset)"
    }

    /// As text where it is text.
    private static func text(_ bytes: [UInt8]?) -> (text: String?, base64: String?) {
        guard let bytes else { return (nil, nil) }
        guard let text = String(validating: bytes, as: UTF8.self) else { return (nil, Data(bytes).base64EncodedString()) }
        return (text, nil)
    }

    // MARK: Text

    private var place: String {
        "\(from.topic)/\(from.partition.map(String.init) ?? "?")/\(from.offset.map(String.init) ?? "?")"
    }

    /// Two lines, for a list.
    package var lines: String {
        var text = "\(letter)  \(time)  \(Self.shown(route))  \(Self.shown(code)): \(Self.shown(error))\n"
        if let replayed { text += "    replayed to \(replayed.topic) at \(replayed.time)\n" }
        return text + "    from \(place)  \(Self.shown(preview(of: 100)))\n"
    }

    /// All of it.
    package var text: String {
        var rows = [("letter", letter)]
        if cluster != KafkaSettings.defaultName { rows.append(("cluster", cluster)) }
        rows += [("time", time), ("route", route), ("error", "\(code): \(error)")]
        if let field { rows.append(("field", field)) }
        rows += [("from", place + (from.timestamp.map { ", record of \($0)" } ?? ""))]
        if let earlierLetter { rows.append(("before", "it was the letter \(earlierLetter), was replayed and refused again")) }
        rows.append(("replayed", replayed.map { "to \($0.topic) at \($0.time)" } ?? "no"))
        rows.append(("key", key ?? keyBase64.map { "base64 \($0)" } ?? "none"))
        rows += headers.map { ("header", "\($0.name)=\($0.value ?? $0.valueBase64.map { "base64 \($0)" } ?? "null")") }
        let label = { (name: String) in name.padding(toLength: 9, withPad: " ", startingAt: 0) }
        var text = rows.map { "\(label($0.0)) \(Self.shown($0.1))\n" }.joined()
        guard let valueBytes else { return text + "\(label("value")) none: a tombstone\n" }
        text += "\(label("value")) \(Counted.text(valueBytes, "byte"))\n"
        let shown = value.map { JSONPretty.text($0) ?? $0 } ?? "base64 \(valueBase64 ?? "")"
        text += shown.split(separator: "\n", omittingEmptySubsequences: false).map { "  \(Self.shown(String($0)))\n" }.joined()
        if let bytes, bytes.count < valueBytes {
            text += "  … (the first \(Counted.text(bytes.count, "byte")) of \(Counted.grouped(valueBytes)); --full shows all)\n"
        }
        return text
    }

    private func preview(of characters: Int) -> String {
        guard let valueBytes else { return "no value: a tombstone" }
        guard let value else { return "\(Counted.text(valueBytes, "byte")) that are not text" }
        let line = JSONPretty.oneLine(value)
        return line.count <= characters && bytes?.count == valueBytes
            ? line : "\(line.prefix(characters))… (\(Counted.text(valueBytes, "byte")))"
    }

    /// What others wrote, without characters that could move a terminal's cursor.
    private static func shown(_ text: String) -> String {
        text.unicodeScalars.map { DisplayText.isHarmless($0) ? String($0) : DisplayText.code($0) }.joined()
    }
}

/// What a replay did, or would do.
package struct ReplayReport: Encodable {
    package struct Letter: Encodable {
        package var letter: String
        package var topic: String
        package var partition: Int32?
        package var error: String?
    }

    package var isDryRun: Bool
    package var replayed: [Letter] = []
    package var failed: [Letter] = []
    package var replayedBefore = 0
    package var missing: [String] = []
    package var gone = 0
    package var isStopped = false
    private enum CodingKeys: CodingKey { case isDryRun, replayed, failed, replayedBefore, missing, gone, isStopped }

    /// Lines of letters in the text of a dry run.
    private static let mostLines = 100

    package init(isDryRun: Bool) { self.isDryRun = isDryRun }

    /// - Parameter outcome: `nil` when nothing was tried.
    package mutating func add(_ plan: ReplayPlan, _ outcome: DeadLetterReplay.Outcome?, of topic: DeadLetterTopic, masks: MaskedNames) {
        func letter(_ item: ReplayPlan.Item, _ error: String? = nil) -> Letter {
            Letter(
                letter: DeadLetterReport.name(item.position, of: topic), topic: masks.shown(item.target), partition: item.partition,
                error: error)
        }
        replayed += (outcome?.replayed ?? (isDryRun ? plan.items : [])).map { letter($0) }
        failed += (outcome?.failed ?? []).map { letter($0.item, masks.masked($0.reason)) }
        replayedBefore += plan.replayedBefore
        missing += plan.missing.map { DeadLetterReport.name($0, of: topic) }
        gone += outcome?.gone ?? 0
        isStopped = isStopped || outcome?.isStopped == true || (outcome == nil && !isDryRun && !plan.items.isEmpty)
    }

    package var isComplete: Bool { failed.isEmpty && missing.isEmpty && !isStopped }

    package var text: String {
        var text = ""
        if isDryRun {
            for letter in replayed.prefix(Self.mostLines) {
                text += "\(letter.letter) → \(letter.topic)\(letter.partition.map { "/\($0)" } ?? "")\n"
            }
            if replayed.count > Self.mostLines { text += "… and \(Counted.grouped(replayed.count - Self.mostLines)) more\n" }
        }
        let targets = Dictionary(grouping: replayed) { ByteString($0.topic) }.sorted { $0.key < $1.key }
        let list = targets.map { "\(Counted.grouped($0.value.count)) to \($0.key.string)" }.joined(separator: ", ")
        text +=
            Counted.text(replayed.count, "letter") + (isDryRun ? " would be replayed" : " replayed") + (list.isEmpty ? "\n" : ": \(list)\n")
        for letter in failed { text += "\(letter.letter) was not replayed: \(letter.error ?? "")\n" }
        if replayedBefore > 0 {
            text += "\(Counted.text(replayedBefore, "letter was", "letters were")) replayed before; --again replays such letters, too\n"
        }
        if gone > 0 {
            text +=
                "\(Counted.text(gone, "letter was", "letters were")) left out: replayed by somebody else meanwhile, or deleted by the brokers\n"
        }
        for letter in missing { text += "there is no letter \(letter), or it was deleted by the brokers\n" }
        if isStopped { text += "stopped before the end; the same command goes on with the rest\n" }
        return text
    }
}
