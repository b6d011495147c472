import NIOCore
import PatchbayAPI
import PatchbayCore
import PatchbayJSON

/// What a client asks for.
struct ClientRequest: Equatable {
    enum Action: Equatable {
        case subscribe(channel: String)
        case unsubscribe(channel: String)
        case ping
    }

    var action: Action
    /// The request's `id` as it was written: a JSON string or number. Echoed in the answer.
    var id: String?

    /// `data`, a JSON object, with the request's id added.
    func withID(_ data: String) -> String { Self.withID(id, data) }

    static func withID(_ id: String?, _ data: String) -> String {
        guard let id else { return data }
        return data.dropLast() + (data == "{}" ? "" : ",") + "\"id\":\(id)}"
    }
}

/// Why a request was refused. A refusal changes nothing and never closes the connection.
struct RequestRefusal: Error, Equatable {
    /// A stable word for programs.
    var code: String
    /// A sentence for people.
    var message: String
    var channel: String?
    var id: String?

    /// The `error` message.
    var control: ControlMessage {
        ControlMessage(
            type: "error", channel: channel,
            data: ClientRequest.withID(
                id, "{\"error\":\(JSONLiteral.quoted(message)),\"code\":\(JSONLiteral.quoted(code))}"))
    }

    /// A name that no channel can have.
    static func invalidChannel(_ name: String, _ fault: ChannelName.Fault, id: String?) -> RequestRefusal {
        let reason =
            switch fault {
            case .empty: "it is empty"
            case .tooLong: "it has \(name.utf8.count) bytes, but may have \(ChannelName.maximumBytes)"
            case .unprintable: "it has control characters, line breaks or marks that change the direction of text"
            }
        return RequestRefusal(
            code: "invalid_channel", message: "\"\(shown(name))\" can't be the name of a channel: \(reason)",
            channel: shown(name), id: id)
    }

    /// A name with half of a surrogate pair in it, which stands for no text, so no record can make it either.
    static func halfCharacter(_ name: String, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "invalid_channel",
            message: "\"\(shown(name))\" can't be the name of a channel: it has half of a surrogate pair (an escape such as "
                + "\\ud83d without its other half)",
            channel: shown(name), id: id)
    }

    /// A pattern where a name is due.
    ///
    /// - Parameter wildcard: what makes it look like one.
    static func pattern(_ name: String, wildcard: String, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "invalid_channel",
            message: "\"\(shown(name))\" looks like a pattern (\"\(wildcard)\"), but a subscription is to one channel and there is "
                + "none of that name; subscribe to each channel by its whole name",
            channel: shown(name), id: id)
    }

    /// A template where the name of one of its channels is due.
    static func template(_ name: String, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "invalid_channel",
            message: "\"\(shown(name))\" is the template of many channels; replace each {…} with a value to name one",
            channel: shown(name), id: id)
    }

    /// - Parameter known: in the order to name them.
    static func unknownChannel(_ name: String, known: [String], id: String?) -> RequestRefusal {
        let list = known.prefix(10).joined(separator: ", ") + (known.count > 10 ? ", …" : "")
        return RequestRefusal(
            code: "unknown_channel", message: "there is no channel \"\(shown(name))\"; channels are: \(list)",
            channel: shown(name), id: id)
    }

    /// The channel is one that a template could make.
    /// - Parameter most: channels that no record has made yet, of this connection.
    static func awaitsTooManyChannels(_ name: String, most: Int, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "too_many_channels",
            message: "\"\(shown(name))\" has had no message yet, and a connection may wait for \(most) such channels; "
                + "unsubscribe from one first",
            channel: shown(name), id: id)
    }

    /// - Parameter most: channels that no record has made yet, of all clients.
    static func tooManyAwaitedChannels(_ name: String, most: Int, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "too_many_channels",
            message: "\"\(shown(name))\" has had no message yet, and clients wait for \(most) such channels already; "
                + "ask again later",
            channel: shown(name), id: id)
    }

    /// - Parameter most: requests per second.
    static func rateLimited(_ most: Int, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "rate_limited",
            message: "more than \(most) requests per second; this one changed nothing, so ask again later", id: id)
    }

    static func tooManySubscriptions(_ name: String, most: Int, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "too_many_subscriptions",
            message: "a connection may be subscribed to \(most) channels; unsubscribe from one first",
            channel: shown(name), id: id)
    }

    /// In the authorizer's words.
    static func notAuthorized(_ name: String, _ refusal: SubscriptionRefusal, id: String?) -> RequestRefusal {
        RequestRefusal(code: refusal.code, message: refusal.message, channel: shown(name), id: id)
    }

    /// Client text is echoed, but not without bounds.
    private static func shown(_ name: String) -> String { ClientText.shown(name) }
}

/// Reads clients' requests, strictly: an unknown field is an error that names it.
///
/// Thread: loop.
final class RequestParser {
    private static let types = ["subscribe", "unsubscribe", "ping"]

    private var parser = JSONParser(limits: JSONLimits(maximumBytes: 16 << 20, maximumDepth: 16))

    func parse(_ text: ByteBuffer) -> Result<ClientRequest, RequestRefusal> {
        let result = text.withUnsafeReadableBytes { bytes in parser.read(bytes, Self.request(from:)) }
        switch result {
        case .success(let request): return request
        case .failure(let problem):
            return .failure(RequestRefusal(code: "invalid_json", message: problem.explanation))
        }
    }

    private static func request(from root: JSONValue) -> Result<ClientRequest, RequestRefusal> {
        guard root.type == .object else {
            return .failure(
                RequestRefusal(
                    code: "invalid_json",
                    message: "a request is a JSON object such as {\"type\":\"subscribe\",\"channel\":\"…\"}"))
        }
        var type: JSONValue?
        var channel: JSONValue?
        var id: String?
        var problem: RequestRefusal?
        for member in root.members {
            if member.isNamed("type") {
                type = member.value
            } else if member.isNamed("channel") {
                channel = member.value
            } else if member.isNamed("id") {
                switch member.value.type {
                case .string, .number: id = String(decoding: member.value.text, as: UTF8.self)
                default:
                    problem = problem ?? RequestRefusal(
                        code: "invalid_field", message: "id must be a string or a number")
                }
            } else {
                problem = problem ?? RequestRefusal(
                    code: "unknown_field",
                    message: "unknown field \"\(ClientText.shown(member.nameString))\"; allowed are type, channel and id")
            }
        }
        if var problem {
            problem.id = id
            return .failure(problem)
        }
        guard let name = type?.stringValue, types.contains(name) else {
            let found = type.map { String(decoding: $0.text.prefix(100), as: UTF8.self) } ?? "missing"
            return .failure(
                RequestRefusal(
                    code: "unknown_type", message: "type is \(found), but must be subscribe, unsubscribe or ping",
                    id: id))
        }
        guard name != "ping" else { return .success(ClientRequest(action: .ping, id: id)) }
        let hasHalfCharacter = channel?.hasLoneSurrogate == true
        guard let channel = channel?.stringValue, !channel.isEmpty else {
            return .failure(
                RequestRefusal(
                    code: "channel_required", message: "\(name) needs a channel: the name as a non-empty string",
                    id: id))
        }
        // As text it has U+FFFD there, and a record may well make that name.
        guard !hasHalfCharacter else { return .failure(.halfCharacter(channel, id: id)) }
        if let fault = ChannelName.fault(in: channel) { return .failure(.invalidChannel(channel, fault, id: id)) }
        return .success(
            ClientRequest(
                action: name == "subscribe" ? .subscribe(channel: channel) : .unsubscribe(channel: channel), id: id))
    }
}
