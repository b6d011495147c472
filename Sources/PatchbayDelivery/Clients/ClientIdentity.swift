import Logging
import PatchbayCore

/// What log lines say of the client they are about. Text is made only when something is logged.
///
/// Small, since every open connection has one: what few clients say of themselves is kept apart.
package struct ClientIdentity: Sendable {
    let id: ConnectionID
    /// Who it is, as far as it had to say.
    var principal = Principal.anonymous
    private var address: String?
    private var stated: Stated?

    /// What a client said of itself.
    private final class Stated: Sendable {
        let trace: TraceParent?
        let details: ClientDetails

        init(_ details: ClientDetails, trace: TraceParent?) {
            self.details = details
            self.trace = trace
        }
    }

    init(id: ConnectionID) { self.id = id }

    /// What people know it by.
    var details: ClientDetails { stated?.details ?? ClientDetails(address: address) }

    /// The trace that the client's handshake belongs to.
    var trace: TraceParent? { stated?.trace }

    /// Takes what a request says.
    mutating func describe(_ details: ClientDetails, trace: TraceParent?) {
        address = details.address
        stated = trace == nil && details == ClientDetails(address: address) ? nil : Stated(details, trace: trace)
    }

    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["connection": "\(id)"]
        let details = details
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

/// Names one connection, in its handshake's answer and in every log line about it. Random, so that it is unique over
/// restarts and nodes, and says nothing about other connections.
struct ConnectionID: Sendable, Hashable, CustomStringConvertible {
    let value: UInt64

    static func random() -> ConnectionID { ConnectionID(value: .random(in: .min ... .max)) }

    /// 16 hexadecimal digits.
    var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
