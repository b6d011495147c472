import PatchbayAPI
import PatchbayCore

/// The JSON that every HTTP error carries.
package enum ErrorBody {
    /// - Parameters:
    ///   - code: a stable word for programs.
    ///   - message: a sentence for people.
    package static func json(code: String, message: String) -> String {
        "{\"error\":\(JSONLiteral.quoted(message)),\"code\":\(JSONLiteral.quoted(code))}"
    }
}
