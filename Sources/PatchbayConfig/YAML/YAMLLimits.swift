/// What a configuration file may cost, and the files that it includes. Far above any sensible file, far below what
/// hurts: at the limits of a file a load takes tens of megabytes and well under a second.
package struct YAMLLimits: Sendable {
    /// Bytes of the file.
    package var bytes = 8 * 1024 * 1024
    /// Values in the file.
    package var nodes = 250_000
    /// Values when every alias is replaced by what it stands for; this is what decoding walks.
    package var expandedNodes = 250_000
    /// Bytes of text when every alias is replaced by what it stands for.
    package var expandedBytes = 32 * 1024 * 1024
    /// Bytes of a key; libyaml holds plain ones to 1024 characters already.
    package var keyBytes = 1024
    /// Mappings and lists inside each other, aliases followed.
    package var depth = 64

    /// Bytes of all included files together.
    package var includedBytes = 16 * 1024 * 1024
    /// Values of all included files together, aliases counted each time.
    package var includedValues = 500_000

    package init() {}
}
