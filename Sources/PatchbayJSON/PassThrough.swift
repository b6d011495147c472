import PatchbayAPI

extension JSONParser {
    /// Passes on every record of the batch that is an object of `shape`, byte for byte, and rejects the others.
    ///
    /// A whole batch at once, since taking exclusive access to a transformer's parser for each record costs a few
    /// percent of checking it.
    public mutating func pass(
        _ batch: borrowing RecordBatch, of shape: JSONShape, into output: EnvelopeWriter
    ) {
        for record in batch.records {
            guard let value = record.value else {
                output.reject(record, .tombstone)
                continue
            }
            if let problem = check(value, against: shape) {
                output.reject(record, problem.rejection)
            } else {
                output.emit(record, data: value)
            }
        }
    }
}
