import Logging

/// What log lines say of the client they are about. Text is made only when something is logged.
struct ClientIdentity: Sendable {
    let id: ConnectionID
    /// The trace that the client's handshake belongs to.
    var trace: TraceParent?

    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["connection": "\(id)"]
        if let trace {
            metadata["traceparent"] = "\(trace.text)"
            metadata["trace_id"] = "\(trace.traceID)"
        }
        return metadata
    }
}
