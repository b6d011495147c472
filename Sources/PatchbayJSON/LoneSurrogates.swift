internal import CSimdJSON

/// What becomes of a text with an escape for half a surrogate pair, such as `"\ud83d"`. JSON's grammar allows it
/// (RFC 8259, section 8.2), JavaScript's `JSON.parse` takes it, and many other readers don't: it stands for no Unicode text.
public enum LoneSurrogates: String, Sendable, CaseIterable {
    /// It is valid, and its bytes are passed on as they are. As text it has U+FFFD there.
    case pass
    /// It is refused.
    case reject
}

extension LoneSurrogates {
    /// The first such escape in a valid JSON text, from 0; `nil` when there is none.
    static func first(in text: UnsafeRawBufferPointer) -> Int? {
        let place = sj_lone_surrogate(text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count)
        return place < text.count ? place : nil
    }

    /// The text with escapes for U+FFFD in their places: for readers that refuse them or stumble over them.
    public static func replaced(in text: UnsafeRawBufferPointer) -> [UInt8] {
        var bytes = Array(text)
        bytes.withUnsafeMutableBufferPointer { sj_replace_lone_surrogates($0.baseAddress, $0.count) }
        return bytes
    }
}
