import CLibRDKafka
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What librdkafka hands back to the callbacks of one consumer: its opaque pointer.
///
/// `open` leaves one reference with librdkafka, `close` takes it back after `rd_kafka_destroy` has returned, when no
/// callback can run any more.
///
/// `@unchecked Sendable`: any thread may come here for `log`, which is Sendable; `loop` is only touched by the callbacks
/// that librdkafka serves from `rd_kafka_consumer_poll` and friends, which the consumer thread alone calls.
final class ConsumerCallbacks: @unchecked Sendable {
    unowned let loop: ConsumerLoop
    let log: LibraryLog
    /// Whether the consumer is a member of its group and no change of the group is under way.
    ///
    /// librdkafka tells that nowhere but in its debug log (`debug: cgrp`), as each change of state happens. Its own commits
    /// by the timer ask for the same: one that reaches the broker while the group forms again carries the old generation, and the
    /// answer to that makes librdkafka (seen with 2.0.2) give up every partition as lost and join afresh.
    let isSteady = Atomic(false)

    init(loop: ConsumerLoop, log: LibraryLog) {
        self.loop = loop
        self.log = log
    }

    func install(in configuration: borrowing ClientConfiguration) {
        configuration.withNative { native in
            rd_kafka_conf_set_opaque(native, Unmanaged.passUnretained(self).toOpaque())

            // Thread: consumer, inside a poll. The list belongs to librdkafka and is valid during the call.
            rd_kafka_conf_set_rebalance_cb(native) { client, error, partitions, opaque in
                guard let client, let partitions, let callbacks = ConsumerCallbacks.from(opaque) else { return }
                callbacks.loop.rebalance(client, error, partitions)
            }

            // Thread: consumer, inside a poll. The text is valid during the call.
            rd_kafka_conf_set_error_cb(native) { client, error, reason, opaque in
                guard let client, let callbacks = ConsumerCallbacks.from(opaque) else { return }
                let code = rd_kafka_resp_err_t(rawValue: error)
                callbacks.loop.clientFailed(client, code, reason.map { String(cString: $0) } ?? "")
            }

            // Thread: consumer, inside a poll. The text is valid during the call.
            rd_kafka_conf_set_throttle_cb(native) { _, name, identifier, milliseconds, opaque in
                guard let callbacks = ConsumerCallbacks.from(opaque) else { return }
                callbacks.loop.throttled(
                    broker: identifier, name: name.map { String(cString: $0) } ?? "", milliseconds: milliseconds)
            }

            // Thread: any of librdkafka's, also while the client is being made or destroyed. Texts are valid during the
            // call. Must not call back into the client.
            rd_kafka_conf_set_log_cb(native) { client, severity, facility, text in
                guard let client, let text, let callbacks = ConsumerCallbacks.from(rd_kafka_opaque(client)) else {
                    return
                }
                if let facility, strcmp(facility, "CGRPJOINSTATE") == 0 {
                    callbacks.isSteady.store(strstr(text, "-> steady") != nil, ordering: .releasing)
                }
                guard severity < 7 || callbacks.log.takesDebug else { return }
                callbacks.log.write(
                    severity: severity, facility: facility.map { String(cString: $0) } ?? "",
                    text: String(cString: text))
            }
        }
    }

    private static func from(_ opaque: UnsafeMutableRawPointer?) -> ConsumerCallbacks? {
        opaque.map { Unmanaged<ConsumerCallbacks>.fromOpaque($0).takeUnretainedValue() }
    }
}
