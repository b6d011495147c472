import CLibRDKafka
import PatchbayAPI

/// The one owner of the messages of one poll, grouped by topic while they come in.
///
/// Every buffer is as large as the batch and made once, so gathering and handing out allocate nothing.
struct GatheredRecords: ~Copyable {
    typealias Message = UnsafeMutablePointer<rd_kafka_message_t>

    /// The messages of one topic, as a chain through `next`.
    private struct Chain {
        var group: Int
        var head: Int32
        var tail: Int32
    }

    let capacity: Int
    private(set) var count = 0
    private let messages: UnsafeMutablePointer<Message>
    private let next: UnsafeMutablePointer<Int32>
    private let records: UnsafeMutablePointer<Record>
    private var chains: [Chain] = []

    init(capacity: Int) {
        self.capacity = capacity
        messages = .allocate(capacity: capacity)
        next = .allocate(capacity: capacity)
        records = .allocate(capacity: capacity)
        chains.reserveCapacity(16)
    }

    deinit {
        for index in 0..<count { rd_kafka_message_destroy(messages[index]) }
        messages.deallocate()
        next.deallocate()
        records.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// Takes over a message that isn't an error.
    /// - Parameter group: a number per topic; messages of one group are handed out together.
    mutating func append(_ message: Message, group: Int) {
        let index = Int32(truncatingIfNeeded: count)
        messages[count] = message
        next[count] = -1
        count += 1
        // Records come in runs of a partition, so the last chain is nearly always the right one.
        if let last = chains.indices.last, chains[last].group == group {
            next[Int(chains[last].tail)] = index
            chains[last].tail = index
        } else if let position = chains.firstIndex(where: { $0.group == group }) {
            next[Int(chains[position].tail)] = index
            chains[position].tail = index
            chains.swapAt(position, chains.count - 1)
        } else {
            chains.append(Chain(group: group, head: index, tail: index))
        }
    }

    /// Hands out each topic's records once, in the order they came in, then frees all messages.
    /// The receiver may move records about in its buffer.
    mutating func drain(_ body: (_ group: Int, _ records: UnsafeMutableBufferPointer<Record>) -> Void) {
        for chain in chains {
            var length = 0
            var index = chain.head
            while index >= 0 {
                (records + length).initialize(to: Record(borrowing: messages[Int(index)]))
                length += 1
                index = next[Int(index)]
            }
            body(chain.group, UnsafeMutableBufferPointer(start: records, count: length))
            records.deinitialize(count: length)
        }
        chains.removeAll(keepingCapacity: true)
        for index in 0..<count { rd_kafka_message_destroy(messages[index]) }
        count = 0
    }
}

extension Record {
    /// A view of a message: valid until the message is destroyed.
    fileprivate init(borrowing message: UnsafeMutablePointer<rd_kafka_message_t>) {
        self.init(
            partition: message.pointee.partition,
            recordOffset: message.pointee.offset,
            timestampMilliseconds: rd_kafka_message_timestamp(message, nil),
            key: message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) },
            value: message.pointee.payload.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.len) },
            headers: RecordHeaders(of: OpaquePointer(message), reader: KafkaHeaders.self))
    }
}
