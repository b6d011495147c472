import PatchbayAPI
public import PatchbayJSON

/// An aggregate route's options, decoded.
public struct AggregateSettings: ShapedRules {
    public static var shape: JSONShape { AggregateField.shape }

    /// What becomes of a record's windows.
    private enum Selection { case all, some, none }

    let editor: RecordEditor
    let addresses: AddressSet?
    /// The windows that stay; `nil` for all.
    let windows: [String]?

    init(_ options: OptionValues) throws(OptionError) {
        editor = try RecordOptions.editor(options, shape: AggregateField.shape)
        addresses = try RecordOptions.addresses(options)
        windows = try Self.windows(options)
    }

    /// Whether every valid record goes through unchanged.
    public var passesAll: Bool { windows == nil && addresses == nil && !editor.hasEffect }

    public func verdict(on aggregate: JSONValue) -> ShapedVerdict {
        if let reason = addresses?.objection(to: aggregate.field(AggregateField.token.rawValue)) { return .filter(reason) }
        switch selection(from: aggregate) {
        case .none:
            return .filter(
                FilterReason(option: "windows", explanation: "no window of this aggregate is among them"))
        case .all: return editor.hasEffect ? .edit : .pass
        case .some: return .edit
        }
    }

    public func append(_ aggregate: JSONValue, to bytes: inout [UInt8]) {
        editor.append(aggregate, to: &bytes) { _, window in keeps(window) }
    }

    /// How many of the record's windows stay. A record that never had any keeps none of those asked for.
    private func selection(from aggregate: JSONValue) -> Selection {
        guard windows != nil, let data = aggregate.field(AggregateField.aggregateData.rawValue) else { return .all }
        var kept = 0
        var all = 0
        for window in data.elements {
            all += 1
            if keeps(window) { kept += 1 }
        }
        if kept == 0 { return .none }
        return kept == all ? .all : .some
    }

    private func keeps(_ window: JSONValue) -> Bool {
        guard let windows, let name = window.field(WindowField.timeWindow.rawValue) else { return true }
        // By index: builds without optimization allocate for every element that a loop over an array takes.
        for index in windows.indices where name.isString(windows[index]) { return true }
        return false
    }

    private static func windows(_ options: OptionValues) throws(OptionError) -> [String]? {
        guard let windows = options.strings("windows") else { return nil }
        if windows.isEmpty || windows.contains("") {
            throw OptionError(
                option: "windows",
                message: windows.isEmpty
                    ? "`windows` is empty, so no aggregate would pass" : "`windows` has an empty name",
                hint: "name windows such as `1min`, or leave `windows` out to pass them all")
        }
        return windows
    }
}
