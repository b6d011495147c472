public import PatchbayAPI

extension JSONValue {
    /// The value that a path leads to; `nil` when it leads nowhere. Of several members of one name the last one counts, on the way
    /// as well. Allocates nothing.
    public func value(at path: FieldPath) -> JSONValue? {
        var value = self
        // By index: builds without optimization allocate for every element that a loop over an array takes.
        for index in path.steps.indices {
            let inner =
                switch path.steps[index] {
                case .name(let name): value[name]
                case .index(let index): value.element(at: index)
                }
            guard let inner else { return nil }
            value = inner
        }
        return value
    }

    /// The element of an array at an index from 0; `nil` when there is none, and for other types. Takes a step for each element
    /// before it.
    public func element(at index: Int) -> JSONValue? {
        guard index >= 0 else { return nil }
        var rest = index
        for element in elements {
            if rest == 0 { return element }
            rest -= 1
        }
        return nil
    }
}
