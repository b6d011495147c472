import PatchbayAPI

/// One channel as a route on one consumer thread sees it: its log, and the frames gathered for it in this batch.
///
/// Thread: consumer.
final class RouteOutput {
    let name: [UInt8]
    private(set) var log: ChannelLog
    let prefix: [UInt8]
    /// Borrowed from the pool while frames are gathered.
    fileprivate(set) var staging: StagingBox?
    /// The last emission it took part in: two templates may make the same name.
    fileprivate var emission = 0

    init(channel: String, type: String, log: ChannelLog) {
        self.name = Array(channel.utf8)
        self.log = log
        self.prefix = Array(
            "{\"type\":\(JSONLiteral.quoted(type)),\"channel\":\(JSONLiteral.quoted(channel)),\"data\":".utf8)
    }

    fileprivate func replace(log: ChannelLog) { self.log = log }
}

/// A staging buffer that can be handed around.
final class StagingBox {
    var frames = FrameStaging()
}

/// Staging buffers that wait for their next batch. One per consumer thread, shared by its routes, so that the first
/// batch after a reload finds buffers that have grown already.
///
/// Thread: consumer.
final class StagingPool {
    private var boxes: [StagingBox] = []

    func take() -> StagingBox { boxes.popLast() ?? StagingBox() }

    func give(_ box: StagingBox) {
        box.frames.removeAll()
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

    init(route: Route, directory: ChannelDirectory, pool: StagingPool) {
        self.route = route
        self.pool = pool
        self.directory = directory
        plain = route.channels.filter(\.isPlain).map { channel in
            RouteOutput(channel: channel.text, type: route.type, log: directory.plainLog(named: channel.text))
        }
        let templates = route.channels.filter { !$0.isPlain }
        renderer = templates.isEmpty ? nil : TemplateRenderer(templates, makeFieldReader: route.makeFieldReader)
    }

    /// Gathers one envelope for every channel it goes to.
    ///
    /// - Returns: how many those are.
    @inline(__always)
    func append(
        _ record: Record, topic: String, data: UnsafeRawBufferPointer, suffix: UnsafeRawBufferPointer,
        refuse: (Rejection) -> Void
    ) -> Int {
        for output in plain { stage(output, record, data: data, suffix: suffix) }
        guard let renderer else { return plain.count }
        return plain.count
            + appendRendered(renderer, record, topic: topic, data: data, suffix: suffix, refuse: refuse)
    }

    private func appendRendered(
        _ renderer: TemplateRenderer, _ record: Record, topic: String, data: UnsafeRawBufferPointer,
        suffix: UnsafeRawBufferPointer, refuse: (Rejection) -> Void
    ) -> Int {
        emission += 1
        for output in plain { output.emission = emission }
        renderer.read(data)
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
                stage(output, record, data: data, suffix: suffix)
                count += 1
            case .failure(let rejection): refuse(rejection)
            }
        }
        return count
    }

    @inline(__always)
    private func stage(
        _ output: RouteOutput, _ record: Record, data: UnsafeRawBufferPointer, suffix: UnsafeRawBufferPointer
    ) {
        let staging: StagingBox
        if let gathered = output.staging {
            staging = gathered
        } else {
            staging = pool.take()
            output.staging = staging
            touched.append(output)
        }
        staging.frames.append(
            prefix: output.prefix, data: data, suffix: suffix, recordTimestamp: record.timestampMilliseconds)
    }

    /// Moves what was gathered into the logs, and adds those to `changed`.
    func commit(nowMilliseconds now: Int64, changed: inout [ChannelLog]) {
        for output in touched {
            guard let staging = output.staging else { continue }
            output.log.append(staging.frames, nowMilliseconds: now)
            changed.append(output.log)
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
                // A retired log is looked up anew before it takes messages that nobody could ask for.
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
