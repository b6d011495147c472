/// What a parser accepts at most.
public struct JSONLimits: Sendable, Equatable {
    /// Longest text, in bytes; 1 to 1 GiB. A parser's memory grows to about 15 times its longest document, and to
    /// 50 times that of one that is nothing but brackets and commas.
    public let maximumBytes: Int
    /// Levels of arrays and objects inside one another, 1 to 1,048,576; `[[1]]` has two.
    public let maximumDepth: Int

    /// - Parameters:
    ///   - maximumBytes: default 1 MiB, about what a broker takes as a record unless told otherwise
    ///     (`message.max.bytes`, 1,048,588). Values out of range are moved to its nearer end.
    ///   - maximumDepth: default 64.
    public init(maximumBytes: Int = 1 << 20, maximumDepth: Int = 64) {
        self.maximumBytes = min(max(maximumBytes, 1), 1 << 30)
        self.maximumDepth = min(max(maximumDepth, 1), 1 << 20)
    }

    public static var standard: JSONLimits { JSONLimits() }

    /// For records: as many bytes as `kafka.max_record` may be set to. What a file allows has been checked by the router
    /// before any transformer sees a record, so that its setting counts and no second limit.
    public static var records: JSONLimits { JSONLimits(maximumBytes: 100 << 20) }
}
