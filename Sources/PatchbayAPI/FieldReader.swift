/// Looks up fields of a transformer's output, for channel names that depend on them. One instance per route and consumer
/// thread; it knows the paths it looks for.
///
/// Thread: consumer.
public protocol FieldReader: AnyObject {
    /// Calls `take` once per path, in the order of the paths, with the field's text in UTF-8: a string without quotes
    /// and escapes, a number or boolean as written. `nil` when the field is missing, null, an object or an array.
    /// The text is valid only during the call.
    ///
    /// - Returns: `false` when `data` could not be read at all; nothing was taken then.
    func read(_ data: UnsafeRawBufferPointer, _ take: (_ index: Int, _ text: UnsafeRawBufferPointer?) -> Void) -> Bool
}
