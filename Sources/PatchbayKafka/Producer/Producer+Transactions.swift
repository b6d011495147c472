import CLibRDKafka

/// What is produced between `beginTransaction` and `commitTransaction` is there as a whole or not at all, for everyone who reads
/// what is committed.
///
/// For a producer with a `transactional.id` among its properties. There is one producer of an identifier at a time: the next one
/// ends the transaction of the previous, and that can't commit any more.
///
/// Thread: any, one at a time; everything blocks the calling thread.
extension Producer {
    /// Why a transaction did not go on.
    public struct TransactionFailure: Error, Sendable, Equatable {
        public enum Consequence: Sendable, Equatable {
            /// Nothing of it is there once it is aborted; another one can begin.
            case abort
            /// Whether it was committed isn't known yet; the same call may be made again.
            case retry
            /// Another producer has taken over.
            case replaced
            /// This producer can do no more.
            case end
        }

        public let consequence: Consequence
        /// librdkafka's words.
        public let message: String
    }

    /// Before the first transaction: awaits the end of what a previous producer of the same identifier left.
    public func prepareTransactions(timeoutMilliseconds: Int) throws(TransactionFailure) {
        try transaction { rd_kafka_init_transactions($0, Int32(clamping: timeoutMilliseconds)) }
    }

    public func beginTransaction() throws(TransactionFailure) { try transaction { rd_kafka_begin_transaction($0) } }

    /// Awaits that everything is delivered, then commits.
    public func commitTransaction(timeoutMilliseconds: Int) throws(TransactionFailure) {
        try transaction { rd_kafka_commit_transaction($0, Int32(clamping: timeoutMilliseconds)) }
    }

    public func abortTransaction(timeoutMilliseconds: Int) throws(TransactionFailure) {
        try transaction { rd_kafka_abort_transaction($0, Int32(clamping: timeoutMilliseconds)) }
    }

    private func transaction(_ call: (OpaquePointer) -> OpaquePointer?) throws(TransactionFailure) {
        let failure = whileOpen { client -> TransactionFailure? in
            guard let error = call(client) else { return nil }
            // Owned by the caller.
            defer { rd_kafka_error_destroy(error) }
            return TransactionFailure(error)
        }
        guard let failure else { throw TransactionFailure(consequence: .end, message: "the producer is closed") }
        if let failure { throw failure }
    }
}

extension Producer.TransactionFailure {
    /// - Parameter error: valid during the call.
    fileprivate init(_ error: OpaquePointer) {
        let text = rd_kafka_error_string(error).map { String(cString: $0) } ?? ""
        switch rd_kafka_error_code(error) {
        case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
            self.init(consequence: .replaced, message: text)
        case _ where rd_kafka_error_is_fatal(error) != 0: self.init(consequence: .end, message: text)
        case _ where rd_kafka_error_txn_requires_abort(error) != 0: self.init(consequence: .abort, message: text)
        case _ where rd_kafka_error_is_retriable(error) != 0: self.init(consequence: .retry, message: text)
        default: self.init(consequence: .end, message: text)
        }
    }
}
