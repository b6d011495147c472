/// One record of the demo's market: what to produce, and under which key.
public struct FeedRecord: Sendable, Equatable {
    /// What the record tells of. Which topic that means is the caller's choice.
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// A token was launched.
        case token
        /// Somebody bought or sold.
        case trade
        /// What happened to a token within windows of time.
        case aggregate
    }

    public let kind: Kind
    /// The token's address, so that all records of a token go to one partition and stay in order.
    public let key: [UInt8]
    /// One JSON object in UTF-8.
    public let json: [UInt8]
}
