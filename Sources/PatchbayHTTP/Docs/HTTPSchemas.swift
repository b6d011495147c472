import PatchbayDelivery
import PatchbayJSON

/// JSON Schemas of what the HTTP endpoints answer.
enum HTTPSchemas {
    /// What every refusal carries; see `ErrorBody`.
    static let error: JSONTree = [
        "title": "Error", "description": "Why a request was refused.", "type": "object",
        "properties": [
            "error": ["type": "string", "description": "A sentence for people."],
            "code": ["type": "string", "description": "A stable code for programs."],
        ],
        "required": ["error", "code"],
        "examples": [["error": "there is nothing at GET /nowhere", "code": "not_found"]],
    ]

    static let channels: JSONTree = [
        "title": "Channels", "description": "What clients may subscribe to.", "type": "object",
        "properties": [
            "channels": [
                "type": "array",
                "items": [
                    "type": "object",
                    "properties": [
                        "name": ["type": "string", "description": "A name, or a template such as `trades.{Token}`."],
                        "description": ["type": "string"],
                        "buffer": [
                            "type": "integer", "minimum": 1, "description": "Messages a slow client may fall behind.",
                        ],
                        "template": [
                            "type": "boolean", "description": "Whether every value of its placeholders is a channel.",
                        ],
                        "types": ["type": "array", "items": ["type": "string"], "description": "Of its messages."],
                    ],
                    "required": ["name", "buffer", "template", "types"],
                ],
            ]
        ],
        "required": ["channels"],
    ]

    // MARK: Health

    private static let count: JSONTree = ["type": "integer", "minimum": 0]
    private static let text: JSONTree = ["type": "string"]

    /// What `GET /health` answers; see `HealthReport`.
    static let health: JSONTree = [
        "title": "HealthReport", "description": "Whether the router does its job, and if it does not do so fully, why.",
        "type": "object",
        "properties": [
            "status": [
                "type": "string", "enum": ["ok", "degraded", "unavailable"],
                "description": "`degraded` works, but needs attention: see `reasons`.",
            ],
            "reasons": ["type": "array", "items": text, "description": "Sentences for people; empty when `ok`."],
            "notes": [
                "type": "array", "items": text,
                "description": "Sentences about what happened and needs no action, such as where reading began.",
            ],
            "clients": count, "max_clients": count, "configuration": configuration,
            "channels": ["type": "array", "items": channel], "routes": ["type": "array", "items": route],
            "topics": ["type": "array", "items": topic], "fanout": fanout, "slow": slow,
            "waiting": ["type": "array", "items": wait],
            "timestamp": ["type": "string", "format": "date-time"], "uptime_seconds": ["type": "number"],
        ],
        "required": [
            "status", "reasons", "notes", "clients", "max_clients", "configuration", "channels", "routes", "topics", "fanout",
            "slow", "waiting", "timestamp", "uptime_seconds",
        ],
    ]

    private static let configuration: JSONTree = [
        "type": "object",
        "properties": [
            "generation": ["type": "integer", "minimum": 1, "description": "Of the active configuration."],
            "applied": count, "refused": count, "unchanged": count, "applied_at_milliseconds": count,
            "error": ["type": "string", "description": "Why the file as it is now was refused."],
            "restart_needed": ["type": "array", "items": text, "description": "Settings that wait for a restart."],
        ],
        "required": ["generation", "applied", "refused", "unchanged", "applied_at_milliseconds", "restart_needed"],
    ]

    private static let channel: JSONTree = [
        "type": "object",
        "properties": [
            "channel": text, "subscribers": count, "messages": count, "dropped": count, "bytes_retained": count,
        ],
        "required": ["channel", "subscribers", "messages", "dropped"],
    ]

    private static let route: JSONTree = [
        "type": "object",
        "properties": [
            "route": text, "records_in": count, "records_routed": count, "records_filtered": count,
            "tombstones_ignored": count, "records_held": count, "records_abandoned": count,
            "records_rejected": ["type": "object", "additionalProperties": count, "description": "By code."],
            "records_dead_lettered": count, "messages": count, "template_channels": count,
            "stopped_at": ["type": "string", "description": "The record at which a route with `on_error: stop` stopped."],
        ],
        "required": ["route", "records_in", "records_routed", "records_filtered", "records_rejected", "messages"],
    ]

    private static let topic: JSONTree = [
        "type": "object",
        "properties": [
            "topic": text,
            "state": [
                "type": "string", "enum": .array(HealthReport.Topic.states.map { .string($0.state) }),
                "description": .string(
                    HealthReport.Topic.states.map { "`\($0.state)`: \($0.meaning)" }.joined(separator: "; ") + "."),
            ],
            "partitions": [
                "type": "array",
                "items": [
                    "type": "object",
                    "properties": ["partition": count, "next_offset": count, "lag": count],
                    "required": ["partition"],
                ],
            ],
            "records_consumed": count, "records_unreadable": count,
            "records_deleted_unread": [
                "type": "object",
                "description": "Records that the brokers deleted before they were read; absent while there are none.",
                "properties": [
                    "records": count,
                    "exact": [
                        "type": "boolean",
                        "description": "`false` where the topic is compacted or has transactions: an upper bound then.",
                    ],
                ],
                "required": ["records", "exact"],
            ],
            "lag": ["type": "integer", "minimum": 0, "description": "Over all assigned partitions, once it is known."],
        ],
        "required": ["topic", "state", "partitions", "records_consumed"],
    ]

    private static let fanout: JSONTree = [
        "type": "object", "description": "Work of the event loops since the start.",
        "properties": [
            "passes": count, "writes": count, "bytes_written": count, "deliveries": count, "dropped": count,
            "pass_seconds": ["type": "number"],
        ],
    ]

    private static let slow: JSONTree = [
        "type": "object", "description": "Subscriptions whose client doesn't read, as of a second ago.",
        "properties": [
            "stalled": count, "losing": count, "furthest_behind": count,
            "subscriptions": [
                "type": "array", "description": "Of the subscriptions that lose messages, those furthest behind; at most ten.",
                "items": [
                    "type": "object",
                    "properties": [
                        "connection": text, "address": text, "origin": text,
                        "user_agent": ["type": "string", "description": "Only without an origin."],
                        "client": ["type": "string", "description": "What it gave as `client` in the query of its handshake."],
                        "channel": text, "behind": count, "stalled_seconds": ["type": "number"],
                    ],
                    "required": ["connection", "channel", "behind", "stalled_seconds"],
                ],
            ],
        ],
        "required": ["stalled", "losing", "furthest_behind", "subscriptions"],
    ]

    private static let wait: JSONTree = [
        "type": "object",
        "description": "A consumer that doesn't poll because an event loop is too far behind with a channel.",
        "properties": ["cluster": text, "channel": text, "seconds": ["type": "number"]],
        "required": ["cluster", "channel", "seconds"],
    ]

    // MARK: Admin

    /// What a reload answers.
    static let reload: JSONTree = [
        "title": "ReloadReport", "description": "The result of a reload, or what it would be.", "type": "object",
        "properties": [
            "result": [
                "type": "string",
                "enum": ["applied", "refused", "unchanged", "would_apply", "would_refuse", "would_change_nothing"],
            ],
            "generation": ["type": "integer", "minimum": 1, "description": "Of the active configuration."],
            "findings": [
                "type": "array", "description": "Errors and warnings, with their places in the file.",
                "items": [
                    "type": "object",
                    "properties": [
                        "severity": text, "file": text, "line": count, "column": count, "message": text, "hint": text,
                        "text": text,
                    ],
                    "required": ["severity", "message", "text"],
                ],
            ],
            "changes": ["type": "array", "items": ["type": "object"]],
            "preview": [
                "type": "array", "items": ["type": "object"],
                "description": """
                What the change would do to the last records of each topic; only with `dry_run`. Routes that hold the value of a \
                `${…}` are not run, but named in `routes_left_out`.
                """,
            ],
        ],
        "required": ["result", "generation", "findings", "changes"],
        "examples": [["result": "unchanged", "generation": 1, "findings": [], "changes": []]],
    ]
}
