import PatchbayAPI
public import PatchbayJSON

/// An aggregate route's options, decoded.
public struct AggregateSettings: ShapedRules {
    public let shape: JSONShape

    /// What becomes of a record's windows.
    private enum Selection { case all, some, none }

    let editor: RecordEditor
    let addresses: AddressSet?
    /// The windows that stay; `nil` for all.
    let windows: [String]?

    init(_ options: OptionValues) throws(OptionError) {
        shape = try RecordOptions.shape(options, of: AggregateField.shape)
        editor = try RecordOptions.editor(options, shape: shape)
        addresses = try RecordOptions.addresses(options)
        windows = try Self.windows(options)
    }

    /// Whether every valid record goes through unchanged.
    public var passesAll: Bool { windows == nil && addresses == nil && !editor.hasEffect }

    public func verdict(on aggregate: JSONValue) -> ShapedVerdict {
        if let reason = addresses?.objection(to: aggregate.field(AggregateField.token.rawValue)) { return .filter(reason) }
        let selection = selection(from: aggregate)
        guard selection != .none else {
            return .filter(FilterReason(option: "windows", explanation: "no window of this aggregate is among them"))
        }
        if let rejection = editor.objection(to: aggregate) { return .reject(rejection) }
        return selection == .some || editor.hasEffect ? .edit : .pass
    }

    public func append(_ aggregate: JSONValue, to bytes: inout [UInt8]) {
        editor.append(aggregate, to: &bytes) { _, window in keeps(window) }
    }

    /// How many of the record's windows stay. A record that never had any keeps none of those asked for.
    private func selection(from aggregate: JSONValue) -> Selection {
        guard windows != nil else { return .all }
        guard let data = aggregate.field(AggregateField.aggregateData.rawValue) else { return .none }
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
        guard let windows else { return true }
        // One without a name is none of those asked for.
        guard let name = window.field(WindowField.timeWindow.rawValue) else { return false }
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
