import PatchbayAPI

extension ConsumedTopic {
    /// Leaves out a record that comes a second time in a row.
    ///
    /// A rebalance makes librdkafka (seen with 2.0.2) begin each fetch again where the application got to. When that
    /// falls between taking a record out of its queue and noting that it was taken, the same record is fetched again.
    ///
    /// A topic that was deleted and recreated may repeat an offset, but not its time.
    /// - Returns: how many records remain, moved to the front.
    func leaveOutRepeats(_ records: UnsafeMutableBufferPointer<Record>) -> Int {
        var kept = 0
        var index = 0
        while index < records.count {
            // A run of one partition; usually the whole fetch of it.
            let number = records[index].partition
            let partition = partition(number)
            var last = partition?.last ?? (-1, -1)
            while index < records.count, records[index].partition == number {
                let record = records[index]
                index += 1
                guard record.recordOffset != last.recordOffset || record.timestampMilliseconds != last.timestamp
                else { continue }
                last = (record.recordOffset, record.timestampMilliseconds)
                if kept != index - 1 { records[kept] = record }
                kept += 1
            }
            partition?.last = last
        }
        return kept
    }
}
