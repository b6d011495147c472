import NIOCore
import PatchbayAPI
import PatchbayCore
import PatchbayJSON

/// One type of request: how it is read, what is done about it, and what the documents say of it, all in the one file of the type
/// that conforms. `ClientRequests.all` lists them.
package protocol ClientRequest: Sendable {
    /// The word in `type`.
    static var type: String { get }
    static var document: RequestDocument { get }
    /// Fields besides `type`, `channel` and `id`, which every request may have.
    static var fields: [String] { get }

    /// - Throws: what is wrong with a field.
    init(_ fields: RequestFields) throws(RequestRefusal)

    /// The `id` as it was written: a JSON string or number. Echoed in the answer.
    var id: String? { get }

    /// What is to be done about it. Decides and does nothing.
    func act(_ context: SessionContext) -> [SessionAction]
}

extension ClientRequest {
    package static var fields: [String] { [] }

    /// `data`, a JSON object, with the request's id added.
    func withID(_ data: String) -> String { RequestRefusal.withID(id, data) }
}

/// Every type of request that clients may make.
package enum ClientRequests {
    package static let all: [any ClientRequest.Type] = [SubscribeRequest.self, UnsubscribeRequest.self, PingRequest.self]
}

/// What the documents say of a type of request.
package struct RequestDocument: Sendable {
    package var summary: String
    /// Whether it is about a channel.
    package var needsChannel: Bool
    /// The type of the message that answers it when it is not refused.
    package var answer: String
}

/// The members of a request. Valid while it is read.
package struct RequestFields {
    let type: String
    let id: String?
    private let members: [ByteString: JSONValue]

    init(type: String, id: String?, members: [ByteString: JSONValue]) {
        self.type = type
        self.id = id
        self.members = members
    }

    /// The value of a field; `nil` when it isn't there.
    subscript(name: String) -> JSONValue? { members[ByteString(name)] }

    /// The name in `channel`.
    ///
    /// - Throws: that there is none, or none that a channel can have.
    func channel() throws(RequestRefusal) -> String {
        let value = self["channel"]
        guard let channel = value?.stringValue, !channel.isEmpty else {
            throw RequestRefusal(
                code: "channel_required", message: "\(type) needs a channel: its name as a non-empty string", id: id)
        }
        // As text it has U+FFFD there, and a record may well make that name.
        guard value?.hasLoneSurrogate != true else {
            throw .invalid(
                channel,
                "can't be a channel name: it has half of a surrogate pair (an escape such as \\ud83d without its other half)",
                id: id)
        }
        let reason: String
        switch ChannelName.fault(in: channel) {
        case nil: return channel
        case .empty: reason = "it is empty"
        case .tooLong: reason = "it has \(channel.utf8.count) bytes, but may have \(ChannelName.maximumBytes)"
        case .unprintable: reason = "it has control characters, line breaks or marks that change the direction of text"
        }
        throw .invalid(channel, "can't be a channel name: \(reason)", id: id)
    }
}

/// Reads clients' requests, strictly: an unknown field is an error that names it.
///
/// Thread: loop.
final class RequestParser {
    private let types: [any ClientRequest.Type]
    private var parser = JSONParser(limits: JSONLimits(maximumBytes: 16 << 20, maximumDepth: 16))

    init(types: [any ClientRequest.Type] = ClientRequests.all) { self.types = types }

    func parse(_ text: ByteBuffer) -> Result<any ClientRequest, RequestRefusal> {
        let result = text.withUnsafeReadableBytes { bytes in parser.read(bytes, request) }
        switch result {
        case .success(let request): return request
        case .failure(let problem):
            return .failure(RequestRefusal(code: "invalid_json", message: problem.explanation))
        }
    }

    private func request(from root: JSONValue) -> Result<any ClientRequest, RequestRefusal> {
        do throws(RequestRefusal) {
            return .success(try read(root))
        } catch {
            return .failure(error)
        }
    }

    private func read(_ root: JSONValue) throws(RequestRefusal) -> any ClientRequest {
        guard root.type == .object else {
            throw RequestRefusal(
                code: "invalid_json", message: "a request must be a JSON object such as {\"type\":\"subscribe\",\"channel\":\"…\"}")
        }
        var members: [ByteString: JSONValue] = [:]
        for member in root.members { members[ByteString(member.nameString)] = member.value }
        let name = members["type" as ByteString]
        let type = types.first { $0.type == name?.stringValue }
        let (id, problem) = fields(of: root, allowed: ["type", "channel", "id"] + (type?.fields ?? []))
        if let problem { throw problem }
        guard let type else {
            let found = name.map { String(decoding: $0.text.prefix(100), as: UTF8.self) } ?? "missing"
            throw RequestRefusal(
                code: "unknown_type",
                message: "type is \(found), but must be \(Self.list(types.map { $0.type }, "or"))", id: id)
        }
        return try type.init(RequestFields(type: type.type, id: id, members: members))
    }

    /// `a, b and c`
    private static func list(_ words: [String], _ conjunction: String) -> String {
        "\(words.dropLast().joined(separator: ", ")) \(conjunction) \(words.last ?? "")"
    }

    /// The id, and the first thing that is wrong with the fields.
    private func fields(of root: JSONValue, allowed: [String]) -> (id: String?, problem: RequestRefusal?) {
        var id: String?
        var problem: RequestRefusal?
        for member in root.members {
            if member.isNamed("id") {
                switch member.value.type {
                case .string, .number: id = String(decoding: member.value.text, as: UTF8.self)
                default: problem = problem ?? RequestRefusal(code: "invalid_field", message: "id must be a string or a number")
                }
            } else if !allowed.contains(where: { $0.hasSameBytes(as: member.nameString) }) {
                problem =
                    problem
                    ?? RequestRefusal(
                        code: "unknown_field",
                        message: "unknown field \"\(ClientText.shown(member.nameString))\"; allowed are \(Self.list(allowed, "and"))")
            }
        }
        problem?.id = id
        return (id, problem)
    }
}
