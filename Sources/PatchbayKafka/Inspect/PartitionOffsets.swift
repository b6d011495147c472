import CLibRDKafka

extension InspectionClient {
    /// What the group of this client has committed, `nil` where nothing; or in the brokers' words why they don't say.
    func committed(
        _ partitions: [TopicPartition], until deadline: ContinuousClock.Instant
    ) -> (offsets: [TopicPartition: Int64?], problems: [TopicPartition: KafkaErrorCode]) {
        ask(partitions, offset: KafkaOffset.invalid, until: deadline) { rd_kafka_committed(self.native, $0, $1) }
            .reading { $0 >= 0 ? $0 : nil }
    }

    /// The absolute offset of the beginning or the end.
    /// - Parameter logical: `KafkaOffset.beginning` or `.end`.
    func offsets(
        _ logical: Int64, _ partitions: [TopicPartition], until deadline: ContinuousClock.Instant
    ) -> (offsets: [TopicPartition: Int64], problems: [TopicPartition: KafkaErrorCode]) {
        let answer = ask(partitions, offset: logical, until: deadline) { rd_kafka_offsets_for_times(self.native, $0, $1) }
        return (answer.offsets.filter { $0.value >= 0 }, answer.problems)
    }

    private struct Answers {
        var offsets: [TopicPartition: Int64] = [:]
        var problems: [TopicPartition: KafkaErrorCode] = [:]

        func reading(
            _ read: (Int64) -> Int64?
        ) -> (offsets: [TopicPartition: Int64?], problems: [TopicPartition: KafkaErrorCode]) {
            (offsets.mapValues(read), problems)
        }
    }

    /// Asks for all at once; one by one if that fails for another reason than time, because librdkafka fails the whole list for
    /// one partition that nobody leads.
    private func ask(
        _ partitions: [TopicPartition], offset: Int64, until deadline: ContinuousClock.Instant,
        _ call: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>, Int32) -> rd_kafka_resp_err_t
    ) -> Answers {
        var answers = Answers()
        guard !partitions.isEmpty else { return answers }
        let error = ask(partitions, offset, until: deadline, call, &answers)
        guard error != RD_KAFKA_RESP_ERR_NO_ERROR else { return answers }
        let isLate = .now >= deadline || partitions.count == 1
        for partition in partitions {
            let error = !isLate && .now < deadline ? ask([partition], offset, until: deadline, call, &answers) : error
            if error != RD_KAFKA_RESP_ERR_NO_ERROR { answers.problems[partition] = KafkaErrorCode(error) }
        }
        return answers
    }

    private func ask(
        _ partitions: [TopicPartition], _ offset: Int64, until deadline: ContinuousClock.Instant,
        _ call: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>, Int32) -> rd_kafka_resp_err_t,
        _ answers: inout Answers
    ) -> rd_kafka_resp_err_t {
        let list = partitions.list(offset: offset)
        let timeout = max(1, (deadline - .now).wholeMilliseconds)
        let error = list.withNative { call($0, timeout) }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { return error }
        for element in list.map({ $0 }) {
            let partition = TopicPartition(topic: String(cString: element.topic), number: element.partition)
            if element.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                answers.offsets[partition] = element.offset
            } else {
                answers.problems[partition] = KafkaErrorCode(element.err)
            }
        }
        return error
    }
}
