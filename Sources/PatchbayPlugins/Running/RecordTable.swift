internal import CPatchbayPlugin
import PatchbayAPI

/// Records as a plugin reads them, in memory that is kept from batch to batch.
///
/// Thread: one at a time.
final class RecordTable {
    // Sound: ours alone, grown before it is written, and read only during the call that `fill` was for.
    private var records: UnsafeMutableBufferPointer<pb_record>
    private var headers: [pb_header] = []
    /// One name after the other.
    private var names: [UInt8] = []
    /// Copies of the two that stay where they are during a call.
    private var headerTable = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var nameTable = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var count = 0

    init() { records = .allocate(capacity: 64) }

    deinit {
        records.deallocate()
        headerTable.deallocate()
        nameTable.deallocate()
    }

    /// Takes the records of the call that is about to begin.
    func fill(_ source: PluginVerdicts, wantsHeaders: Bool) {
        count = source.count
        if count > records.count {
            records.deallocate()
            records = .allocate(capacity: max(count, records.count * 2))
        }
        headers.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        for number in 0..<count {
            let record = source.record(number)
            let first = headers.count
            if wantsHeaders { collect(record.headers) }
            (records.baseAddress.unsafelyUnwrapped + number).initialize(
                to: pb_record(
                    offset: record.recordOffset, timestamp_ms: record.timestampMilliseconds, key: pb_bytes(record.key),
                    value: pb_bytes(record.value), partition: record.partition, header_count: UInt32(headers.count - first),
                    headers: pb_address(bits: UInt64(first))))
        }
        if !headers.isEmpty { place() }
        if headers.isEmpty { for number in 0..<count { records[number].headers = pb_address(bits: 0) } }
    }

    func batch(_ topic: UnsafeRawBufferPointer) -> pb_batch {
        pb_batch(
            record_size: UInt32(MemoryLayout<pb_record>.stride), count: UInt32(count), topic: pb_bytes(topic),
            records: pb_address(UnsafeRawPointer(records.baseAddress)))
    }

    private func collect(_ source: RecordHeaders) {
        source.forEach { name, value in
            let start = names.count
            names.append(contentsOf: name.utf8)
            headers.append(
                pb_header(
                    name: pb_bytes(data: pb_address(bits: UInt64(start)), length: UInt32(names.count - start), present: 1),
                    value: pb_bytes(value)))
        }
    }

    /// Turns places in lists, which move while they grow, into addresses.
    private func place() {
        let size = MemoryLayout<pb_header>.stride
        Self.grow(&nameTable, to: max(1, names.count), alignment: 1)
        Self.grow(&headerTable, to: headers.count * size, alignment: MemoryLayout<pb_header>.alignment)
        nameTable.copyBytes(from: names)
        for index in headers.indices {
            var header = headers[index]
            header.name.data = pb_address(nameTable.baseAddress.map { UnsafeRawPointer($0) + Int(header.name.data.bits) })
            headerTable.storeBytes(of: header, toByteOffset: index * size, as: pb_header.self)
        }
        for number in 0..<count {
            let first = Int(records[number].headers.bits)
            let isEmpty = records[number].header_count == 0
            records[number].headers = pb_address(isEmpty ? nil : headerTable.baseAddress.map { UnsafeRawPointer($0) + first * size })
        }
    }

    private static func grow(_ table: inout UnsafeMutableRawBufferPointer, to count: Int, alignment: Int) {
        guard table.count < count else { return }
        table.deallocate()
        table = .allocate(byteCount: max(count, table.count * 2), alignment: alignment)
    }
}

extension pb_address {
    init(_ pointer: UnsafeRawPointer?) {
        // Through `bits`, so that no upper half is left over where a pointer takes 4 bytes.
        self.init(bits: UInt64(UInt(bitPattern: pointer)))
    }
}

extension pb_bytes {
    /// `nil` is not present.
    init(_ bytes: UnsafeRawBufferPointer?) {
        self.init(data: pb_address(bytes?.baseAddress), length: UInt32(bytes?.count ?? 0), present: bytes == nil ? 0 : 1)
    }

    /// What a plugin hands out, of at most `limit` bytes; `nil` for nothing, and for more.
    func bytes(limit: Int) -> [UInt8]? {
        guard present != 0, Int(length) <= limit, let start = UnsafeRawPointer(bitPattern: UInt(data.bits)) else { return nil }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(length)))
    }
}
