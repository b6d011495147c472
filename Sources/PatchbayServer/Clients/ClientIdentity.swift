import Logging
import PatchbayCore

/// What log lines say of the client they are about. Text is made only when something is logged.
package struct ClientIdentity: Sendable {
    let id: ConnectionID
    /// The trace that the client's handshake belongs to.
    var trace: TraceParent?
    /// Who it is, as far as it had to say.
    var principal = Principal.anonymous
    /// What people know it by.
    var details = ClientDetails()

    init(id: ConnectionID) { self.id = id }

    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["connection": "\(id)"]
        if let trace {
            metadata["traceparent"] = "\(trace.text)"
            metadata["trace_id"] = "\(trace.traceID)"
        }
        if let principal = principal.name { metadata["principal"] = "\(principal)" }
        if let address = details.address { metadata["address"] = "\(address)" }
        if let name = details.name { metadata["client"] = "\(name)" }
        if let origin = details.origin { metadata["origin"] = "\(origin)" }
        if let agent = details.userAgent { metadata["user_agent"] = "\(agent)" }
        return metadata
    }
}
