import Logging
import PatchbayCore

/// What log lines say of the client they are about. Text is made only when something is logged.
///
/// Small, since every open connection has one: what few clients say of themselves is kept apart.
package struct ClientIdentity: Sendable {
    let id: ConnectionID
    private var address: String?
    private var stated: Stated?

    /// What a client said of itself.
    private final class Stated: Sendable {
        let principal: Principal
        let trace: TraceParent?
        let details: ClientDetails

        init(_ details: ClientDetails, trace: TraceParent?, principal: Principal) {
            self.details = details
            self.trace = trace
            self.principal = principal
        }
    }

    init(id: ConnectionID) { self.id = id }

    /// What people know it by.
    var details: ClientDetails { stated?.details ?? ClientDetails(address: address) }

    /// The trace that the client's handshake belongs to.
    var trace: TraceParent? { stated?.trace }

    /// Who it is, as far as it had to say.
    var principal: Principal {
        get { stated?.principal ?? .anonymous }
        set { state(details, trace: trace, principal: newValue) }
    }

    /// Takes what a request says.
    mutating func describe(_ details: ClientDetails, trace: TraceParent?) {
        address = details.address
        state(details, trace: trace, principal: principal)
    }

    private mutating func state(_ details: ClientDetails, trace: TraceParent?, principal: Principal) {
        let isAddressOnly = trace == nil && principal === Principal.anonymous && details == ClientDetails(address: address)
        stated = isAddressOnly ? nil : Stated(details, trace: trace, principal: principal)
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
