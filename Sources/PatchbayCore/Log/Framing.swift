public import NIOCore

/// A form in which envelopes go over the wire. A log keeps its envelopes in one form, ready to be written; any other one is made
/// once per sealed batch, when the first subscriber needs it, and shared by all who read in it.
///
/// The object stands for the form: one per form and process, not one per connection.
public protocol Framing: AnyObject, Sendable {
    /// Appends one envelope in this form. What it appends must make sense by itself: a reader may begin with any envelope.
    ///
    /// Thread: loop; several at a time, for different batches.
    ///
    /// - Parameters:
    ///   - envelope: its JSON text. Valid during the call.
    ///   - offset: its channel offset.
    func append(_ envelope: UnsafeRawBufferPointer, offset: Int64, to bytes: inout ByteBuffer)
}

/// The envelopes of a batch in one form, one after the other.
struct Frames: Sendable {
    var bytes: ByteBuffer
    /// Where each envelope ends, counted in bytes from the start.
    var ends: [UInt32]

    /// Some of the envelopes, in order.
    func slice(_ range: Range<Int>) -> ByteBuffer {
        guard range.count < ends.count else { return bytes }
        let start = range.lowerBound == 0 ? 0 : Int(ends[range.lowerBound - 1])
        let end = range.isEmpty ? start : Int(ends[range.upperBound - 1])
        return bytes.getSlice(at: bytes.readerIndex + start, length: end - start) ?? bytes
    }
}
