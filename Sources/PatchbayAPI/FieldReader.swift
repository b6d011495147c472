/// What is found where a field is looked for.
public enum FoundField {
    /// A string without quotes and escapes, a number or a boolean as written, in UTF-8. Valid only during the call.
    case text(UnsafeRawBufferPointer)
    case missing
    case null
    case object
    case array
    /// A string that stands for no text, because an escape in it is half of a surrogate pair.
    case loneSurrogate
}

/// Looks up fields of a transformer's output, for channel names that depend on them. One instance per route and consumer
/// thread; it knows the paths it looks for.
///
/// Thread: consumer.
public protocol FieldReader: AnyObject {
    /// Calls `take` once per path, in the order of the paths, with what is there.
    ///
    /// - Returns: `false` when `data` could not be read at all; nothing was taken then.
    func read(_ data: UnsafeRawBufferPointer, _ take: (_ index: Int, _ field: FoundField) -> Void) -> Bool
}
