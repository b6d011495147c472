import Foundation
import NIOCore
import NIOHTTP1
import PatchbayAPI

/// What may have been meant by the name of a channel that isn't there.
package enum TapHint {
    /// Names listed at most.
    private static let longestList = 20

    /// `nil` when there is nothing to add, or the server's list of channels can't be had.
    package static func text(
        for refusal: WebSocketTap.Refusal, at address: WebSocketAddress, asked: [String], timeout: TimeAmount
    ) async -> String? {
        guard refusal.code == "unknown_channel",
            let answer = try? await HTTPRequestOnce.run(
                .GET, address.server, path: address.sibling("channels"), timeout: timeout), answer.status == 200,
            let list = (try? JSONSerialization.jsonObject(with: Data(answer.body.utf8))) as? [String: Any],
            let channels = list["channels"] as? [[String: Any]]
        else { return nil }
        let names = channels.compactMap { $0["name"] as? String }
        let wrong = asked.contains(refusal.channel) ? refusal.channel : asked.first { !names.contains($0) } ?? ""
        if let near = Suggestion.nearest(to: wrong, among: names) { return "did you mean `\(near)`?" }
        guard !names.isEmpty else { return "the server has no channels" }
        let shown = names.prefix(longestList).map { "`\($0)`" }.joined(separator: ", ")
        return "the channels are \(shown)" + (names.count > longestList ? ", and \(names.count - longestList) more" : "")
    }
}
