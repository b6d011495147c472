import PatchbayAPI

/// One channel as a route on one consumer thread sees it: its log, and the frames gathered for it in this batch.
///
/// Thread: consumer.
final class RouteOutput {
    let name: [UInt8]
    private(set) var log: ChannelLog
    /// What each of its envelopes begins with. Ours; freed with us.
    fileprivate let prefix: UnsafeRawBufferPointer
    /// Borrowed from the pool while frames are gathered.
    fileprivate(set) var staging: StagingBox?
    /// The last emission it took part in: two templates may make the same name.
    fileprivate var emission = 0

    init(channel: String, type: String, log: ChannelLog) {
        self.name = Array(channel.utf8)
        self.log = log
        let text = "{\"type\":\(JSONLiteral.quoted(type)),\"channel\":\(JSONLiteral.quoted(channel)),\"data\":"
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        memory.copyBytes(from: text.utf8)
        self.prefix = UnsafeRawBufferPointer(memory)
    }

    deinit { prefix.deallocate() }

    fileprivate func replace(log: ChannelLog) { self.log = log }
}

/// A staging buffer that can be handed around.
///
/// Thread: consumer.
final class StagingBox {
    /// Sound: this object is the only owner and frees it in deinit; a holder of the pointer holds the object.
    let frames: UnsafeMutablePointer<FrameStaging>

    init() {
        frames = .allocate(capacity: 1)
        frames.initialize(to: FrameStaging())
    }

    deinit {
        frames.deinitialize(count: 1)
        frames.deallocate()
    }
}

/// Staging buffers that wait for their next batch. One per consumer thread, shared by its routes, so that the first
/// batch after a reload finds buffers that have grown already.
///
/// Thread: consumer.
final class StagingPool {
    private var boxes: [StagingBox] = []

    func take() -> StagingBox { boxes.popLast() ?? StagingBox() }

    func give(_ box: StagingBox) {
        box.frames.pointee.removeAll()
        boxes.append(box)
    }
}

/// Where a route's envelopes go: plain channels, and the channels that its templates make of each record.
///
/// Thread: consumer.
final class RouteOutputs {
    private let route: Route
    private let directory: ChannelDirectory
    private let plain: [RouteOutput]
    /// The same for the hot path, without a reference to count for every record. Sound: ours alone; what they point to
    /// belongs to `plain`, which lives as long, and to its staging, which is held for as long as it is pointed to.
    private let stages: UnsafeMutableBufferPointer<Stage>
    private let renderer: TemplateRenderer?
    /// Channels of templates met so far, and where to find them: by the hash of the name.
    private var made: [RouteOutput] = []
    private var indexByHash: [Int: Int] = [:]
    private var pruneAt = 1024
    /// Those that have frames in this batch.
    private var touched: [RouteOutput] = []
    private let pool: StagingPool
    private var name: [UInt8] = []
    private var emission = 0

    private struct Stage {
        let prefix: UnsafeRawBufferPointer
        /// Where the frames of this batch are gathered; `nil` before the first.
        var frames: UnsafeMutablePointer<FrameStaging>?
    }

    init(route: Route, directory: ChannelDirectory, pool: StagingPool) {
        self.route = route
        self.pool = pool
        self.directory = directory
        plain = route.channels.filter(\.isPlain).map { channel in
            RouteOutput(channel: channel.text, type: route.type, log: directory.plainLog(named: channel.text))
        }
        stages = .allocate(capacity: plain.count)
        for (index, output) in plain.enumerated() {
            stages.initializeElement(at: index, to: Stage(prefix: output.prefix))
        }
        let templates = route.channels.filter { !$0.isPlain }
        renderer = templates.isEmpty ? nil : TemplateRenderer(templates, makeFieldReader: route.makeFieldReader)
    }

    deinit { stages.deallocate() }

    /// Whether records have to be read for the names of channels.
    var hasTemplates: Bool { renderer != nil }

    /// Gathers one envelope for every plain channel.
    ///
    /// - Returns: how many those are.
    @inline(__always)
    func appendPlain(_ record: Record, data: UnsafeRawBufferPointer, suffix: UnsafeRawBufferPointer) -> Int {
        for index in stages.indices {
            let frames = stages[index].frames ?? borrow(index)
            frames.pointee.append(
                prefix: stages[index].prefix, data: data, suffix: suffix, recordTimestamp: record.timestampMilliseconds)
        }
        return stages.count
    }

    @inline(never)
    private func borrow(_ index: Int) -> UnsafeMutablePointer<FrameStaging> {
        let frames = staging(of: plain[index]).frames
        stages[index].frames = frames
        return frames
    }

    private func staging(of output: RouteOutput) -> StagingBox {
        if let gathered = output.staging { return gathered }
        let staging = pool.take()
        output.staging = staging
        touched.append(output)
        return staging
    }

    /// Gathers one envelope for every channel it goes to.
    ///
    /// - Parameter fields: what templates find their fields in; `nil` for a deletion, which has none.
    /// - Returns: how many those are.
    func append(
        _ record: Record, topic: String, data: UnsafeRawBufferPointer, fields: UnsafeRawBufferPointer?,
        suffix: UnsafeRawBufferPointer, refuse: (Rejection) -> Void
    ) -> Int {
        let count = appendPlain(record, data: data, suffix: suffix)
        guard let renderer else { return count }
        return count
            + appendRendered(renderer, record, topic: topic, data: data, fields: fields, suffix: suffix, refuse: refuse)
    }

    private func appendRendered(
        _ renderer: TemplateRenderer, _ record: Record, topic: String, data: UnsafeRawBufferPointer,
        fields: UnsafeRawBufferPointer?, suffix: UnsafeRawBufferPointer, refuse: (Rejection) -> Void
    ) -> Int {
        emission += 1
        for output in plain { output.emission = emission }
        renderer.read(fields, key: record.key)
        var count = 0
        for index in renderer.templates.indices {
            if let rejection = renderer.render(index, record: record, topic: topic, into: &name) {
                refuse(rejection)
                continue
            }
            switch output(rendered: index, renderer) {
            case .success(let output):
                guard output.emission != emission else { continue }
                output.emission = emission
                staging(of: output).frames.pointee.append(
                    prefix: output.prefix, data: data, suffix: suffix, recordTimestamp: record.timestampMilliseconds)
                count += 1
            case .failure(let rejection): refuse(rejection)
            }
        }
        return count
    }

    /// Moves what was gathered into the logs, and adds those to `changed`.
    ///
    /// - Parameter now: milliseconds of the monotonic clock.
    func commit(monotonicMilliseconds now: Int64, changed: inout [ChannelLog]) {
        for output in touched {
            guard let staging = output.staging else { continue }
            output.log.append(staging.frames.pointee, monotonicMilliseconds: now)
            if changed.last !== output.log { changed.append(output.log) }
        }
        discard()
    }

    /// Forgets what was gathered.
    func discard() {
        for output in touched {
            guard let staging = output.staging else { continue }
            pool.give(staging)
            output.staging = nil
        }
        touched.removeAll(keepingCapacity: true)
        for index in stages.indices { stages[index].frames = nil }
    }

    // MARK: Channels of templates

    /// The output of the name that was just rendered.
    private func output(rendered index: Int, _ renderer: TemplateRenderer) -> Result<RouteOutput, Rejection> {
        let hash = hashOfName()
        var slot = hash
        // Two names of one hash lie side by side.
        while let position = indexByHash[slot] {
            let output = made[position]
            if output.name == name {
                // A retired log is looked up again before it takes messages that nobody could ask for.
                if output.staging == nil, output.log.isRetired { return revive(output, index, renderer) }
                return .success(output)
            }
            slot &+= 1
        }
        return make(index, slot: slot, renderer)
    }

    private func hashOfName() -> Int {
        var hasher = Hasher()
        name.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    @inline(never)
    private func make(_ index: Int, slot: Int, _ renderer: TemplateRenderer) -> Result<RouteOutput, Rejection> {
        guard let channel = String(validating: name, as: UTF8.self) else {
            return .failure(renderer.invalidText(index))
        }
        guard let log = directory.log(named: channel, madeBy: route) else { return .failure(limitReached(channel)) }
        // The name of a plain channel of this route is that channel: it has the message already.
        if let output = plain.first(where: { $0.name == name }) { return .success(output) }
        let output = RouteOutput(channel: channel, type: route.type, log: log)
        var slot = slot
        if made.count >= pruneAt {
            forgetRetired()
            // The probe above may have walked over what is forgotten now.
            slot = hashOfName()
            while indexByHash[slot] != nil { slot &+= 1 }
        }
        indexByHash[slot] = made.count
        made.append(output)
        return .success(output)
    }

    private func revive(
        _ output: RouteOutput, _ index: Int, _ renderer: TemplateRenderer
    ) -> Result<RouteOutput, Rejection> {
        let channel = String(decoding: output.name, as: UTF8.self)
        guard let log = directory.log(named: channel, madeBy: route) else { return .failure(limitReached(channel)) }
        output.replace(log: log)
        return .success(output)
    }

    @inline(never)
    private func limitReached(_ channel: String) -> Rejection {
        Rejection(
            code: "channel_limit",
            explanation: "the route has \(route.templateLimits.maximumChannels) channels already, so none is made for "
                + "`\(channel)`; raise `max_channels` or lower `channel_idle`")
    }

    /// Lets go of channels that are retired, so that a stream of ever new names doesn't fill the memory.
    private func forgetRetired() {
        let kept = made.filter { !$0.log.isRetired || $0.staging != nil }
        made = kept
        indexByHash.removeAll(keepingCapacity: true)
        for (position, output) in kept.enumerated() {
            var hasher = Hasher()
            output.name.withUnsafeBytes { hasher.combine(bytes: $0) }
            var slot = hasher.finalize()
            while indexByHash[slot] != nil { slot &+= 1 }
            indexByHash[slot] = position
        }
        pruneAt = max(1024, kept.count * 2)
    }
}
