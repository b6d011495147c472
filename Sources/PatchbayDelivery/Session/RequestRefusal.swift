import PatchbayAPI
import PatchbayCore

/// Why a request was refused. A refusal changes nothing and never closes the connection.
package struct RequestRefusal: Error, Equatable {
    /// A stable code for programs.
    var code: String
    /// A sentence for people.
    var message: String
    var channel: String?
    var id: String?

    init(code: String, message: String, id: String? = nil) {
        self.code = code
        self.message = message
        self.id = id
    }

    /// One that is about a channel. Client text is echoed, but not without bounds.
    init(code: String, message: String, about channel: String, id: String?) {
        self.init(code: code, message: message, id: id)
        self.channel = ClientText.shown(channel)
    }

    /// A name that is none of a channel's.
    ///
    /// - Parameter problem: goes on after the name.
    static func invalid(_ channel: String, _ problem: String, id: String?) -> RequestRefusal {
        RequestRefusal(
            code: "invalid_channel", message: "\"\(ClientText.shown(channel))\" \(problem)", about: channel, id: id)
    }

    /// The `error` message.
    var control: ControlMessage {
        ControlMessage(
            type: "error", channel: channel,
            data: Self.withID(id, "{\"error\":\(JSONLiteral.quoted(message)),\"code\":\(JSONLiteral.quoted(code))}"))
    }

    /// `data`, a JSON object, with a request's id added.
    static func withID(_ id: String?, _ data: String) -> String {
        guard let id else { return data }
        return data.dropLast() + (data == "{}" ? "" : ",") + "\"id\":\(id)}"
    }
}
