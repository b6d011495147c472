/// A record's text with some of its values replaced, added or left out. Everything between is copied byte for byte, white space
/// included.
///
/// Edits come in the order of the text.
///
/// Thread: consumer. Keeps its memory from record to record.
struct RecordPatch {
    private(set) var bytes: [UInt8] = []
    /// How much of the original is taken care of.
    private var done = 0

    mutating func begin() {
        bytes.removeAll(keepingCapacity: true)
        done = 0
    }

    /// Copies the original up to a place.
    mutating func copy(_ original: UnsafeRawBufferPointer, upTo place: Int) {
        guard place > done else { return }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: original[done..<place]))
        done = place
    }

    /// Leaves out what lies between the place that is taken care of and this one.
    mutating func skip(to place: Int) { done = max(done, place) }

    mutating func append(_ text: UnsafeRawBufferPointer) { bytes.append(contentsOf: text) }

    mutating func append(_ text: [UInt8]) { bytes.append(contentsOf: text) }

    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Puts something else in place of a part of the original.
    mutating func replace(_ range: Range<Int>, of original: UnsafeRawBufferPointer, with text: UnsafeRawBufferPointer) {
        copy(original, upTo: range.lowerBound)
        append(text)
        skip(to: range.upperBound)
    }

    /// Copies what is left of the original.
    mutating func finish(_ original: UnsafeRawBufferPointer) { copy(original, upTo: original.count) }
}
