import PatchbayDelivery

/// Every metric of `GET /metrics`, in the order of the page.
public enum MetricFamilies {
    // MARK: The server

    static let build = MetricFamily(
        "patchbay_build_info", .gauge, "Always 1; the label says which version runs.", labels: ["version"])
    static let up = MetricFamily(
        "patchbay_healthy", .gauge, "1 when /health says ok, 0.5 when degraded, 0 when unavailable.")
    static let connections = MetricFamily("patchbay_connections", .gauge, "Open WebSocket connections.")
    static let connectionsLimit = MetricFamily(
        "patchbay_connections_limit", .gauge, "WebSocket connections that may be open at a time (server.max_clients).")
    static let pendingHandshakes = MetricFamily(
        "patchbay_pending_handshakes", .gauge, "Connections that have not yet sent a complete first request.")
    static let connectionsOpened = MetricFamily(
        "patchbay_connections_opened_total", .counter, "WebSocket connections opened since the start.")
    static let limitRefusals = MetricFamily(
        "patchbay_limit_refusals_total", .counter,
        "Requests, handshakes and connections refused or closed because of a limit, by limit.", labels: ["limit"])

    // MARK: Channels

    static let subscriptions = MetricFamily(
        "patchbay_subscriptions", .gauge,
        "Subscriptions by channel; channels of a template are summed under the template.", labels: ["channel"])
    static let channelMessages = MetricFamily(
        "patchbay_channel_messages_total", .counter, "Messages appended to the channel, whether or not anybody listens.",
        labels: ["channel"])
    static let channelDropped = MetricFamily(
        "patchbay_channel_dropped_messages_total", .counter,
        "Messages dropped for subscribers of the channel. A gap message tells the subscriber once it reads again; this counter already rises while it doesn't.",
        labels: ["channel"])
    static let channelRetained = MetricFamily(
        "patchbay_channel_retained_bytes", .gauge, "Bytes of frames that the channel's log holds.", labels: ["channel"])
    static let templateChannels = MetricFamily(
        "patchbay_template_channels", .gauge, "Channels that exist for a template.", labels: ["channel"])

    static let awaitedChannels = MetricFamily(
        "patchbay_awaited_channels", .gauge,
        "Channels that clients are subscribed to although no record has made them yet (limits.awaited_channels).")

    // MARK: Delivery

    static let deliveries = MetricFamily(
        "patchbay_deliveries_total", .counter, "Messages handed to subscribers: one message to a thousand counts as a thousand.")
    static let dropped = MetricFamily(
        "patchbay_dropped_messages_total", .counter,
        "Messages dropped for subscribers by reason: slow_consumer (the client fell behind its buffer) or overrun (the server did).",
        labels: ["reason"])
    static let delay = MetricFamily(
        "patchbay_delivery_delay_seconds", .histogram,
        "From a record's timestamp to the socket write, per delivery; a batch counts with its oldest record, and one older than an hour as an hour."
    )
    static let pass = MetricFamily(
        "patchbay_flush_pass_seconds", .histogram, "Duration of one pass over the subscribers with new messages.")
    static let writes = MetricFamily(
        "patchbay_writes_total", .counter, "Writes to client sockets that carried messages.")
    static let writtenBytes = MetricFamily(
        "patchbay_written_bytes_total", .counter, "Bytes of messages handed to client sockets.")

    static let roomWaits = MetricFamily(
        "patchbay_consumer_waits_seconds_total", .counter,
        "Time that consumers did not poll because an event loop was 8 MiB behind on this channel; a template's channels are summed.",
        labels: ["channel"])

    static let stalled = MetricFamily(
        "patchbay_stalled_subscriptions", .gauge,
        "Subscriptions whose client's socket is full. When much is sent, some always are for a moment.")
    static let losing = MetricFamily(
        "patchbay_slow_subscriptions", .gauge,
        "Subscriptions that are losing messages: stalled, and further behind than their channel's buffer. /health names the slowest.")
    static let furthestBehind = MetricFamily(
        "patchbay_slowest_subscription_messages", .gauge, "Messages that the slowest stalled subscription is behind.")

    // MARK: Routes

    static let routeRecords = MetricFamily(
        "patchbay_route_records_total", .counter, "Records that the route took.", labels: ["route"])
    static let routeRouted = MetricFamily(
        "patchbay_route_records_routed_total", .counter, "Records that produced at least one message.", labels: ["route"])
    static let routeFiltered = MetricFamily(
        "patchbay_route_records_filtered_total", .counter, "Records that an option left out on purpose.", labels: ["route"])
    static let routeTombstones = MetricFamily(
        "patchbay_route_tombstones_ignored_total", .counter,
        "Records without a value that the route ignored (tombstones: ignore).", labels: ["route"])
    static let routeHeld = MetricFamily(
        "patchbay_route_records_held", .gauge,
        "Records that steps such as conflate hold for later. Their offsets are not committed meanwhile.", labels: ["route"])
    static let routeAbandoned = MetricFamily(
        "patchbay_route_records_abandoned_total", .counter,
        "Records that a step held for too long, or at a reload that took its route away, and never handed out.", labels: ["route"])
    static let routeRejected = MetricFamily(
        "patchbay_route_records_rejected_total", .counter, "Records that were refused, by reason.", labels: ["route", "reason"])
    static let routeDeadLettered = MetricFamily(
        "patchbay_route_records_dead_lettered_total", .counter, "Refused records handed to the dead-letter topic.",
        labels: ["route"])
    static let routeMessages = MetricFamily(
        "patchbay_route_messages_total", .counter, "Messages that the route appended to channels.", labels: ["route"])
    static let routeStopped = MetricFamily(
        "patchbay_route_stopped", .gauge, "1 when a route with on_error: stop has stopped at a record.", labels: ["route"])
    static let lostDeadLetters = MetricFamily(
        "patchbay_dead_letters_lost_total", .counter,
        "Refused records that are in no dead-letter topic: it refused them, did not accept them in time, or they came back from it.")

    static let waitingDeadLetters = MetricFamily(
        "patchbay_dead_letters_waiting", .gauge,
        "Refused records on their way to a dead-letter topic. Their topics are paused while brokers don't accept them.")

    // MARK: Plugins

    /// Of all metrics of plugins: `plugin` is the plugin's path.
    private static let pluginLabels = ["route", "transformer", "plugin"]
    static let pluginBatch = MetricFamily(
        "patchbay_plugin_batch_seconds", .histogram,
        "Time that a plugin took for a batch of records, with what replacing a broken instance and trying records again took.",
        labels: pluginLabels)
    static let pluginFailures = MetricFamily(
        "patchbay_plugin_failures_total", .counter,
        "Instances of a plugin that broke (a crash, its deadline, too much output) or could not be made.", labels: pluginLabels)
    static let pluginRestarts = MetricFamily(
        "patchbay_plugin_restarts_total", .counter, "Instances of a plugin that were made in place of one that broke.",
        labels: pluginLabels)
    static let pluginInstances = MetricFamily(
        "patchbay_plugin_instances", .gauge,
        "Instances of a plugin: up to one for each consumer; with isolate: process, each is a process.", labels: pluginLabels)
    static let pluginMemory = MetricFamily(
        "patchbay_plugin_memory_bytes", .gauge,
        """
        Memory of a plugin's instances beside the router's own: the resident memory of its processes, or what its WebAssembly modules \
        have. Native plugins have none to show.
        """,
        labels: pluginLabels)
    static let pluginFailing = MetricFamily(
        "patchbay_plugin_failing", .gauge,
        "1 while the last batches of a plugin, more than three in a row, came to nothing. /health says why.", labels: pluginLabels)

    // MARK: Kafka

    static let brokersReachable = MetricFamily(
        "patchbay_kafka_reachable", .gauge, "1 when a broker of the cluster answers.", labels: ["cluster"])
    static let consumerRestarts = MetricFamily(
        "patchbay_kafka_consumer_restarts_total", .counter, "How often the cluster's consumer had to be recreated.",
        labels: ["cluster"])
    static let commitFailures = MetricFamily(
        "patchbay_kafka_commit_failures_total", .counter,
        "Commits of record offsets that the brokers refused: after a restart those records would be read again.",
        labels: ["cluster"])
    static let throttle = MetricFamily(
        "patchbay_kafka_throttle_seconds", .gauge,
        "How long a broker delayed its last answer because of a quota: the longest delay of the cluster's brokers, 0 when there is none.",
        labels: ["cluster"])
    static let throttled = MetricFamily(
        "patchbay_kafka_throttled_seconds_total", .counter, "Total of these delays.", labels: ["cluster"])
    static let consumed = MetricFamily(
        "patchbay_kafka_records_consumed_total", .counter, "Records handed to the routes.", labels: ["cluster", "topic"])
    static let unreadable = MetricFamily(
        "patchbay_kafka_records_unreadable_total", .counter, "Records that could not be read and were left out.",
        labels: ["cluster", "topic"])
    static let skipped = MetricFamily(
        "patchbay_kafka_records_skipped_total", .counter,
        "Record offsets that the brokers had deleted before they were read; where the topic is compacted or has transactions, some never were records.",
        labels: ["cluster", "topic"])
    static let topicPartitions = MetricFamily(
        "patchbay_kafka_topic_partitions", .gauge, "Partitions of the topic.", labels: ["cluster", "topic"])
    static let assigned = MetricFamily(
        "patchbay_kafka_assigned_partitions", .gauge,
        "Partitions of the topic that this process reads; fewer than there are when other members share the group.",
        labels: ["cluster", "topic"])
    static let lag = MetricFamily(
        "patchbay_kafka_lag_records", .gauge,
        "Record offsets between the next record to read and the end of the partition (with read_committed, the last stable offset), of partitions read here. Queried from the brokers every second.",
        labels: ["cluster", "topic", "partition"])
    static let batch = MetricFamily(
        "patchbay_batch_records", .histogram, "Records of one topic that one poll returned.")

    // MARK: Alerts

    static let alertActive = MetricFamily(
        "patchbay_alert_active", .gauge, "1 for every alert that is active.", labels: ["alert", "cluster", "topic"])
    static let webhook = MetricFamily(
        "patchbay_webhook_messages_total", .counter,
        "Messages to the alert webhook by result: sent, failed (an attempt that will be retried), dropped (given up).",
        labels: ["result"])

    // MARK: Configuration

    static let generation = MetricFamily(
        "patchbay_config_generation", .gauge, "Number of the active configuration, counting from 1.")
    static let reloads = MetricFamily(
        "patchbay_config_reloads_total", .counter, "Attempts to load a changed configuration, by result.", labels: ["result"])
    static let reloadSuccessful = MetricFamily(
        "patchbay_config_last_reload_successful", .gauge,
        "1 when the file as it is now is active, 0 when its last change was refused.")
    static let reloadTime = MetricFamily(
        "patchbay_config_last_reload_timestamp_seconds", .gauge,
        "When a configuration last took effect, in seconds since 1970.")
    static let restartNeeded = MetricFamily(
        "patchbay_config_restart_needed", .gauge, "Changed settings that wait for a restart.")

    // MARK: The process

    static let cpu = MetricFamily("process_cpu_seconds_total", .counter, "User and system CPU time spent.")
    static let resident = MetricFamily("process_resident_memory_bytes", .gauge, "Resident memory.")
    static let virtual = MetricFamily("process_virtual_memory_bytes", .gauge, "Virtual memory.")
    static let openFiles = MetricFamily("process_open_fds", .gauge, "Open files and sockets.")
    static let maximumFiles = MetricFamily("process_max_fds", .gauge, "Files and sockets that may be open.")
    static let started = MetricFamily("process_start_time_seconds", .gauge, "Start of the process, in seconds since 1970.")
    static let threads = MetricFamily("process_threads", .gauge, "Threads of the process.")

    // MARK: The page itself

    static let leftOut = MetricFamily(
        "patchbay_metrics_series_left_out", .gauge,
        "Time series summed up under `_other` or not shown, because there would be too many.", labels: ["metric"])

    /// All of them, by heading.
    public static let groups: [(heading: String, families: [MetricFamily])] = [
        ("Server", [build, up, connections, connectionsLimit, pendingHandshakes, connectionsOpened, limitRefusals]),
        ("Channels", [subscriptions, channelMessages, channelDropped, channelRetained, templateChannels, awaitedChannels]),
        ("Delivery", [deliveries, dropped, stalled, losing, furthestBehind, delay, pass, writes, writtenBytes, roomWaits]),
        (
            "Routes",
            [
                routeRecords, routeRouted, routeFiltered, routeTombstones, routeHeld, routeAbandoned, routeRejected, routeDeadLettered,
                routeMessages, routeStopped,
                lostDeadLetters, waitingDeadLetters,
            ]
        ),
        ("Plugins", [pluginBatch, pluginFailures, pluginRestarts, pluginInstances, pluginMemory, pluginFailing]),
        (
            "Kafka",
            [
                brokersReachable, consumerRestarts, commitFailures, throttle, throttled, consumed, unreadable, skipped, topicPartitions,
                assigned,
                lag, batch,
            ]
        ),
        ("Alerts", [alertActive, webhook]),
        ("Configuration", [generation, reloads, reloadSuccessful, reloadTime, restartNeeded]),
        ("Process", [cpu, resident, virtual, openFiles, maximumFiles, started, threads]),
        ("This page", [leftOut]),
    ]
}

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
